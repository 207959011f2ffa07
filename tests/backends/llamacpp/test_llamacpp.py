"""The llama.cpp backend: small real models as GGUF files, run by the real library."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from helpers.gguf_models import NANO, make_gguf, smollm2
from helpers.models import WINDOW, make_model, prompts, requests
from helpers.watching import Witness

from pytest_edgejson.backends.interface import BackendError, Completion, GenerationSettings, LoadOptions, Request
from pytest_edgejson.backends.llamacpp.engine import Engine
from pytest_edgejson.backends.local.isolation import IsolatedBackend
from pytest_edgejson.backends.registry import load_backend
from pytest_edgejson.backends.spec import ModelSpec
from pytest_edgejson.suite.cases import Case

if find_spec("xllamacpp") is None:
    pytest.skip("xllamacpp is not installed: pip install 'pytest-edgejson[gguf]'", allow_module_level=True)

CHAT = "{{ bos_token }}{% for each in messages %}[{{ each.role }}] {{ each.content }} {% endfor %}[answer]"
CASES = Path(__file__).parents[3] / "cases" / "test"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def small(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(model, tmp_path_factory.mktemp("gguf") / "small.gguf")


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(NANO, tmp_path_factory.mktemp("gguf") / "nano.gguf", chat_template=CHAT)


def load(
    file: Path, *, batch_size: int | None = 4, device: str | None = None, spec: Any = None, **settings: Any
) -> Any:
    spec = ModelSpec("tested", "llama.cpp", str(file), **{"prompt": "{prompt}", **(spec or {})})
    generation = GenerationSettings(**{"max_new_tokens": 24, **settings})
    return load_backend(spec, generation, LoadOptions(device=device, batch_size=batch_size))


def content(backend: Any, asked: list[Request]) -> dict[str, tuple[Any, ...]]:
    found: list[Completion] = list(backend.generate(asked))
    assert len(found) == len(asked)
    return {each.key: (each.text, each.finish_reason, each.prompt_tokens, each.output_tokens) for each in found}


def ratings(count: int) -> list[Case]:
    rows = map(json.loads, (CASES / "simple" / "rating.jsonl").read_text(encoding="utf-8").splitlines()[:count])
    return [Case(row["id"], "rating", "simple", row["prompt"], row["expected_output"]) for row in rows]


def asked_of(backend: Any, cases: list[Case], **further: Any) -> list[Request]:
    return [Request(case.id, backend.render(case), case, **further) for case in cases]


def listening() -> set[str]:
    """Return local address and port of this process's sockets that listen, as the kernel writes them."""
    own = {
        Path(f"/proc/self/fd/{each.name}").readlink().name for each in Path("/proc/self/fd").iterdir() if each.exists()
    }
    rows = [row.split() for file in ("tcp", "tcp6") for row in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def test_nano_answers_as_it_does_through_transformers(tmp_path: Path) -> None:
    # A file whose own pattern is a similar one only: the tokens are those of the tokenizer that is named.
    file = make_gguf(NANO, tmp_path / "nano.gguf", splits="gpt-2")
    backend = load(file, max_new_tokens=200, spec={"prompt": "v3", "tokenizer": str(NANO)})
    plain = load_backend(
        ModelSpec("nano", model=str(NANO)), GenerationSettings(200), LoadOptions(device="cpu", batch_size=4)
    )
    cases = ratings(6)
    found, expected = content(backend, asked_of(backend, cases)), content(plain, asked_of(plain, cases))
    # Rounding differs. What is the same must be most of it.
    assert sum(found[key] == expected[key] for key in found) >= 5
    assert {reason for _, reason, *_ in found.values()} == {"stop"}
    assert {key: tokens for key, (*_, tokens, _) in found.items()} == {key: each[2] for key, each in expected.items()}


def test_slots_and_order_change_no_answer(small: Path) -> None:
    asked = requests([*prompts(9), *prompts(2, longest=40, seed=3)])
    found = content(load(small), asked)
    assert len({text for text, *_ in found.values()}) > 5
    assert content(load(small, batch_size=1), asked) == found
    backend = load(small, batch_size=8)
    assert content(backend, asked[::-1]) == found
    alone = [Request(each.key, each.text, each.case, alone=True) for each in asked[:3]]
    assert content(backend, alone) == {each.key: found[each.key] for each in alone}


def test_times_and_tokens_are_counted(small: Path) -> None:
    backend, witness = load(small), Witness()
    backend.watch = witness
    found = list(backend.generate(requests(prompts(6))))
    for each in found:
        assert each.latency_s > 0
        assert each.compute_s > 0
        assert 0 < each.output_tokens <= 24
    assert witness.notes[0].startswith("edgejson: tested: ")
    assert "for 4 slots of 256 tokens; " in witness.notes[0]


def test_an_answer_that_is_streamed_is_heard_as_it_comes_in(small: Path) -> None:
    backend, witness = load(small), Witness()
    backend.watch = witness
    asked = [replace(each, streamed=True) for each in requests(prompts(1))]
    (found,) = backend.generate(asked)
    assert len(witness.heard) > 3
    assert witness.heard[-1] == (asked[0].key, found.text)


def test_a_case_ends_with_its_root_object_or_at_its_limit(nano: Path) -> None:
    spec = {"prompt": "v3", "tokenizer": str(NANO)}
    (case,) = ratings(1)
    backend = load(nano, max_new_tokens=300, spec=spec)
    ((text, reason, *_),) = content(backend, asked_of(backend, [case])).values()
    assert reason == "stop"
    assert text.endswith("}")
    short = load(nano, max_new_tokens=5, spec=spec)
    ((text, reason, _, tokens),) = content(short, asked_of(short, [case])).values()
    assert (reason, tokens) == ("length", 5)


def test_marks_of_thoughts_that_are_special_tokens_have_a_text(tmp_path: Path) -> None:
    # nano, with the token that each of its answers begins with as such a mark, or as any other special token.
    begins = load(make_gguf(NANO, tmp_path / "nano.gguf"), max_new_tokens=1, spec={"prompt": "v3"})
    (first,) = content(begins, asked_of(begins, ratings(1))).values()
    for name, text, thoughts in (
        ("[THINK]", "[THINK]", ()),
        ("<|turn|>", "", ()),
        ("<|p|>", "<|p|>", (("<|p|>", "x"),)),
    ):
        folder = shutil.copytree(NANO, tmp_path / f"as {len(name)}")
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        (token,) = (
            token for symbols, token in tokenizer["model"]["vocab"].items() if symbols.replace("Ġ", " ") == first[0]
        )
        tokenizer["added_tokens"].append({"id": token, "content": name, "special": True})
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        backend = load(make_gguf(folder, folder / "m.gguf"), max_new_tokens=1, spec={"prompt": "v3"}, thoughts=thoughts)
        assert [each[0] for each in content(backend, asked_of(backend, ratings(1))).values()] == [text]


def test_a_case_that_takes_too_long_is_a_timeout_with_what_it_said(small: Path) -> None:
    (asked,) = requests(["naïve invoice"])
    (found,) = load(small).generate([Request(asked.key, asked.text, asked.case, timeout_s=0.0)])
    assert (found.finish_reason, found.output_tokens) == ("timeout", 1)
    assert found.error.startswith("no end after 0 s and 1 tokens: give it longer with --edgejson-timeout")


def test_a_prompt_that_does_not_fit_is_that_cases_error(small: Path) -> None:
    asked = requests(["a", "invoice total " * WINDOW])
    first, second = sorted(load(small).generate(asked), key=lambda each: each.key)
    assert first.error is None
    assert second.finish_reason == "error"
    assert second.error == (
        f"the prompt has {second.prompt_tokens} tokens, which leaves no room in the model's window of {WINDOW}"
    )


def test_a_prompt_that_is_no_text_is_that_cases_error(small: Path) -> None:
    backend = load(small)
    first, second = sorted(backend.generate(requests(["a", "\ud800"])), key=lambda each: each.key)
    assert first.error is None
    assert second.finish_reason == "error"
    assert second.error.startswith("the prompt cannot be tokenized: ")
    with pytest.raises(BackendError, match=r"^tested: the prompt cannot be tokenized: "):
        backend.tokenize("\ud800")


def test_a_run_that_was_left_stops_and_does_not_disturb_the_next(small: Path) -> None:
    asked = requests(prompts(8))
    backend = load(small, batch_size=2)
    expected = content(backend, asked)
    stream = backend.generate(asked)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
    assert content(backend, asked) == expected
    backend.deadline = 0.0
    assert list(backend.generate(asked)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_its_port_is_of_this_machine_alone_and_closed_at_the_end(small: Path) -> None:
    before = listening()
    backend = load(small)
    content(backend, requests(["a"]))
    (port,) = listening() - before
    assert port.startswith("0100007F:")
    backend.close()
    assert listening() == before
    # It can be used again.
    assert content(backend, requests(["a"]))
    backend.close()


@pytest.mark.slow
def test_a_model_may_be_closed_as_soon_as_it_is_loaded(small: Path) -> None:
    # Now and then xllamacpp 2026.10 waits for ever where nothing was asked before.
    for _ in range(20):
        Engine("tested", small, slots=0, tokens=256, on_cpu=True).close()


def test_nobody_else_is_answered_at_its_port(small: Path) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request as Call
    from urllib.request import urlopen

    backend = load(small)
    content(backend, requests(["a"]))
    for path in ("/completion", "/tokenize"):
        call = Call(backend._engine._server.listening_address + path, b'{"prompt": "a", "content": "a"}')
        with pytest.raises(HTTPError, match="401"):
            urlopen(call, timeout=10)
    backend.close()


def test_its_log_stays_away_from_the_terminal(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    backend = load(small)
    content(backend, requests(prompts(3)))
    backend.close()
    assert capfd.readouterr() == ("", "")


def test_a_prompt_has_one_beginning_of_sequence(nano: Path) -> None:
    begin = 0
    (case,) = ratings(1)
    for prompt in ("v3", "chat"):
        backend = load(nano, spec={"prompt": prompt})
        tokens = list(backend.tokenize(backend.render(case)).ids)
        assert tokens[0] == begin
        assert tokens.count(begin) == 1
    assert backend.render(case).startswith("<|begin|>[user] Extract the structured")


@pytest.mark.slow
def test_drawn_answers_follow_the_seed_and_the_repeat(small: Path) -> None:
    asked = requests(prompts(5))
    again = [Request(each.key, each.text, each.case, repeat=2) for each in asked]
    found = content(load(small, temperature=1.0, seed=1), asked)
    assert content(load(small, temperature=1.0, seed=1), asked) == found
    assert content(load(small, temperature=1.0, seed=2), asked) != found
    assert content(load(small, temperature=1.0, seed=1), again) != found
    greedy = content(load(small), asked)
    assert greedy != found
    assert content(load(small, temperature=1.0, top_p=1e-6), asked) == greedy


def test_a_penalty_is_that_of_transformers(model: Path, small: Path) -> None:
    asked = requests(prompts(6))
    plain = load_backend(
        ModelSpec("m", model=str(model), prompt="{prompt}"),
        GenerationSettings(24, repetition_penalty=1.3),
        LoadOptions(device="cpu", batch_size=1),
    )
    found = content(load(small, repetition_penalty=1.3), asked)
    assert found != content(load(small), asked)
    assert sum(found[key][0] == each[0] for key, each in content(plain, asked).items()) >= 5


def test_the_store_knows_file_prompt_tokenizer_and_build(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(small).fingerprint
    moved = tmp_path / "moved.gguf"
    moved.write_bytes(small.read_bytes())
    assert load(moved).fingerprint == first
    others = [
        load(make_gguf(make_model(tmp_path / "other", seed=1), tmp_path / "other.gguf")),
        load(small, spec={"prompt": "v3"}),
        load(small, spec={"tokenizer": str(NANO)}),
    ]
    assert len({first, *(other.fingerprint for other in others)}) == 4
    monkeypatch.setattr("pytest_edgejson.backends.llamacpp.backend.versions", lambda: {"xllamacpp": "0.1"})
    assert load(small).fingerprint != first


def test_what_it_is_stands_in_the_manifest(small: Path) -> None:
    found = load(small, device="cpu").description
    assert (found["backend"], found["model"], found["device"]) == ("llama.cpp", "small.gguf", "cpu")
    assert found["parameters"] > 10_000
    assert "xllamacpp" in found["versions"]
    json.dumps(found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda"}, "llama.cpp runs where it was built for: leave out --edgejson-device"),
        ({"dtype": "bfloat16"}, "a GGUF file decides its own number formats: leave out --edgejson-dtype"),
        ({"batch_size": 0}, "the batch size must be at least 1, got 0"),
        ({"spec": {"adapter": "org/adapter"}}, "llama.cpp takes no adapters of peft: use backend = "),
        ({"spec": {"prompt": "chat"}}, "the prompt 'chat' needs a chat template and the file has none"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_runs(small: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError) as caught:
        load(small, **settings)
    assert str(caught.value).startswith(f"tested: {message}")
    assert "\n" not in str(caught.value)


def test_a_chat_template_that_fails_is_said_with_the_case(tmp_path: Path, model: Path) -> None:
    template = "{{ raise_exception('no system message, please') }}"
    file = make_gguf(model, tmp_path / "chat.gguf", chat_template=template)
    backend = load(file, spec={"prompt": "chat"})
    with pytest.raises(BackendError) as caught:
        backend.render(ratings(1)[0])
    assert str(caught.value) == (
        f"tested: {ratings(1)[0].id}: the file's chat template fails: no system message, please"
    )


def test_without_the_library_it_says_what_to_install(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(BackendError) as caught:
        load(small)
    assert str(caught.value) == "tested: xllamacpp is not installed: pip install 'pytest-edgejson[gguf]'"


def test_what_llamacpp_cannot_load_is_said_in_a_line(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unknown = make_gguf(model, tmp_path / "unknown.gguf", architecture="fancynew")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(make_gguf(model, tmp_path / "whole.gguf").read_bytes()[:-100])
    for file, reason in ((unknown, "unknown model architecture: 'fancynew'"), (cut, "tensor '")):
        with pytest.raises(BackendError) as caught:
            list(load(file).generate(requests(["a"])))
        assert str(caught.value).startswith(f"tested: llama.cpp cannot load {file}: {reason}")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_does_not_fit_is_said_before_it_is_loaded(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_edgejson.backends.llamacpp.room.free_bytes", lambda device: 100_000)
    with pytest.raises(BackendError, match=r"tested: \d+ MB of weights and \d+ MB for a case of 256 tokens do not fit"):
        list(load(small).generate(requests(["a"])))


def test_slots_are_fewer_where_memory_is_short(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, case = small.stat().st_size, 256 * 2 * 2 * 2 * (12 + 12)
    monkeypatch.setattr(
        "pytest_edgejson.backends.llamacpp.room.free_bytes", lambda device: weights + int(2.2 * case / 0.7)
    )
    backend, witness = load(small, batch_size=8), Witness()
    backend.watch = witness
    content(backend, requests(prompts(4)))
    assert "for 2 slots of 256 tokens" in witness.notes[0]


def test_it_runs_in_a_process_of_its_own(small: Path) -> None:
    asked = requests(prompts(5))
    backend = load(small)
    expected = content(backend, asked)
    backend.close()
    assert pickle.loads(pickle.dumps(backend)).fingerprint == backend.fingerprint
    isolated = IsolatedBackend(load(small), "tested")
    try:
        assert content(isolated, asked) == expected
    finally:
        isolated.close()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
def test_a_killed_process_costs_no_case(small: Path) -> None:
    asked = requests(prompts(8))
    expected = content(load(small), asked)
    isolated = IsolatedBackend(load(small, batch_size=2), "tested")
    try:
        stream = isolated.generate(asked)
        found = [next(stream)]
        assert isolated._process is not None
        isolated._process._process.kill()
        found += stream
    finally:
        isolated.close()
    assert {each.key: each.text for each in found} == {key: text for key, (text, *_) in expected.items()}


def test_tokens_of_a_suite_are_counted_by_it(small: Path) -> None:
    from pytest_edgejson.report.audit_command import token_counter

    count = token_counter(f"llama.cpp:{small}")
    assert 1 <= count("invoice") < count("invoice total amount")


@pytest.mark.slow
def test_it_needs_no_torch(small: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        blocked=f"""
        from pytest_edgejson.backends.interface import GenerationSettings, LoadOptions, Request
        from pytest_edgejson.backends.registry import load_backend
        from pytest_edgejson.backends.spec import ModelSpec
        from pytest_edgejson.suite.cases import Case
        spec = ModelSpec("tested", "llama.cpp", {str(small)!r}, prompt="{{prompt}}")
        backend = load_backend(spec, GenerationSettings(4), LoadOptions(isolate=True))
        case = Case("a", "rating", "simple", "invoice", {{}})
        (found,) = backend.generate([Request("a", backend.render(case), case)])
        assert found.error is None, found
        backend.close()
        """
    )
    # The process of the model does not find it either.
    (pytester.mkpydir("without") / "torch.py").write_text("raise ImportError('blocked')")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path / "without"), prepend=os.pathsep)
    assert pytester.runpython("blocked.py").ret == 0


@pytest.mark.slow
def test_a_run_of_pytest_and_its_rerun_from_the_store(
    pytester: pytest.Pytester, nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "")
    run = (
        f"--edgejson-model={nano}", "--edgejson-max-new-tokens=100", "-k", "rating-00",
        "--edgejson-report-only", "--edgejson-results=results.jsonl",
    )  # fmt: skip
    first = pytester.runpytest_subprocess(*run)
    assert first.ret == pytest.ExitCode.OK
    first.stdout.fnmatch_lines(["*edgejson: nano: 8 MB of weights and *", "*JSONExact*"])
    manifest, *_ = map(json.loads, (pytester.path / "results.jsonl").read_text(encoding="utf-8").splitlines())
    assert manifest["models"]["nano"]["backend"] == "llama.cpp"
    again = pytester.runpytest_subprocess(*run)
    assert again.ret == pytest.ExitCode.OK
    again.stdout.no_fnmatch_line("*MB of weights*")
    shared = pytester.runpytest_subprocess(*run, "-n2", "--edgejson-device=cpu,cpu", "--edgejson-store=new.db")
    assert shared.ret == pytest.ExitCode.OK


@pytest.mark.slow
def test_smollm2_answers_and_its_prompts_are_those_of_transformers() -> None:
    from transformers import AutoTokenizer

    file = smollm2()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    for prompt in ("v3", "chat"):
        backend = load(file, batch_size=4, max_new_tokens=16, spec={"prompt": prompt})
        asked = asked_of(backend, ratings(3))
        plain = load_backend(ModelSpec("m", model=str(file), prompt=prompt), GenerationSettings(), LoadOptions())
        assert [each.text for each in asked] == [plain.render(each.case) for each in asked]
        expected = [tokenizer.encode(each.text, add_special_tokens=prompt == "v3") for each in asked]
        assert [list(backend.tokenize(each.prompt).ids) for each in asked] == expected
    assert all(each.text and each.error is None for each in backend.generate(asked))
    backend.close()
