// The browser of cases. What it shows was rendered and escaped when the page was made; nothing is built of data here
// but by textContent.
(async () => {
  const $ = (id) => document.getElementById(id);
  const unpack = async (element) => {
    const bytes = Uint8Array.from(atob(element.textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const PAGE = 100;
  const list = $("list"), status = $("status"), more = $("more"), form = $("filters");
  const { cases, complexities, tones } = await unpack($("index"));
  const packed = document.querySelectorAll("script.chunk"), unpacked = [];
  const chunk = (number) => (unpacked[number] ??= unpack(packed[number]));
  const models = [...$("model").options].slice(1).map((option) => option.text);
  const kinds = [...$("kind").options].filter((option) => /^\d+$/.test(option.value)).map((option) => option.text);
  const schemas = [...$("schema").options].slice(1).map((option) => option.text);
  const fields = ["search", "model", "kind", "schema", "change"];
  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  };

  // All that a case shows, in lower case, for searching; made when something is searched for.
  const texts = new Map();
  const text = async (number) => {
    if (!texts.has(number)) {
      const place = cases[number][2];
      const template = document.createElement("template");
      if (place) template.innerHTML = (await chunk(place[0]))[place[1]];
      texts.set(number, template.content.textContent.toLowerCase());
    }
    return texts.get(number);
  };

  const body = async (number) => {
    const place = cases[number][2];
    if (!place) return make("p", "note", "Left out, since the page would be too large: edgejson show has it.");
    const template = document.createElement("template");
    template.innerHTML = (await chunk(place[0]))[place[1]];
    return template.content;
  };

  const row = (number) => {
    const [id, schema, , answers] = cases[number];
    const details = make("details", "case", "");
    const summary = document.createElement("summary");
    const marks = make("span", "marks", "");
    for (const [model, kind, change, repeat, verdict] of answers) {
      const name = models.length > 1 ? `${models[model]}${repeat > 1 ? ` (${repeat})` : ""}: ` : "";
      const mark = make("span", `mark ${tones[kind]}`, name + kinds[kind] + (change ? (change > 0 ? " ▲" : " ▼") : ""));
      mark.title = verdict;
      marks.append(mark, " ");
    }
    summary.append(make("code", "", id), " ", make("span", "where", `${complexities[schema]} · ${schemas[schema]}`), marks);
    details.append(summary);
    details.addEventListener("toggle", async () => {
      if (details.open && details.childElementCount === 1) details.append(await body(number));
    });
    return details;
  };

  let shown = [], drawn = 0, turn = 0;
  const draw = () => {
    const part = document.createDocumentFragment();
    for (const number of shown.slice(drawn, drawn + PAGE)) part.append(row(number));
    drawn = Math.min(drawn + PAGE, shown.length);
    list.append(part);
    more.hidden = drawn === shown.length;
  };

  const matches = async (mine) => {
    const [words, model, kind, schema, change] = fields.map((name) => $(name).value.trim().toLowerCase());
    const found = [];
    for (let number = 0; number < cases.length; number++) {
      const [id, of, , answers] = cases[number];
      if (schema && of !== +schema) continue;
      const fits = answers.some((answer) =>
        (!model || answer[0] === +model) && (!change || answer[2] === +change) &&
        (!kind || (kind === "miss" ? tones[answer[1]] === "miss" : answer[1] === +kind)));
      if (!fits) continue;
      if (words) {
        const named = id.toLowerCase().includes(words) || schemas[of].toLowerCase().includes(words) ||
          answers.some((answer) => answer[4].toLowerCase().includes(words));
        if (!named && !(await text(number)).includes(words)) continue;
        if (mine !== turn) return null;
      }
      found.push(number);
    }
    return found;
  };

  const filter = async () => {
    const mine = ++turn;
    if ($("search").value) status.textContent = "Searching …";
    const found = await matches(mine);
    if (mine !== turn || found === null) return;
    shown = found;
    drawn = 0;
    list.replaceChildren();
    draw();
    status.textContent = shown.length === cases.length
      ? `${cases.length.toLocaleString("en")} cases` : `${shown.length.toLocaleString("en")} of ${cases.length.toLocaleString("en")} cases`;
    const state = new URLSearchParams(fields.filter((name) => $(name).value).map((name) => [name, $(name).value]));
    if (`${state}`) history.replaceState(null, "", `#cases?${state}`);
    else if (location.hash.startsWith("#cases?")) history.replaceState(null, "", "#cases");
  };

  const restore = () => {
    const [place, state] = location.hash.split("?");
    if (place !== "#cases" || !state) return;
    for (const [name, value] of new URLSearchParams(state)) if (fields.includes(name)) $(name).value = value;
    $("cases").scrollIntoView();
  };

  let timer;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(filter, event.target.id === "search" ? 200 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter, 0));
  more.firstElementChild.addEventListener("click", draw);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      $("search").focus();
    } else if (!typing && (event.key === "j" || event.key === "k")) {
      const rows = [...list.querySelectorAll("summary")];
      const at = rows.indexOf(document.activeElement);
      const next = rows[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
      next?.focus();
    }
  });

  form.hidden = false;
  restore();
  await filter();
  // Once what was drawn is seen.
  requestAnimationFrame(() => setTimeout(() => {
    performance.mark("ready");
    document.documentElement.dataset.ready = "yes";
  }));
})();
