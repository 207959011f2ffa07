// Runs the model, one question after the other, each token told as it comes.

import {
  AutoModelForCausalLM,
  AutoTokenizer,
  BaseStreamer,
  StoppingCriteria,
  env,
} from "./library/transformers.min.js";

const here = (path) => new URL(path, self.location).href;

// Nothing of what a model's own config recommends, which a benchmark must not take.
const GREEDY = {
  do_sample: false,
  num_beams: 1,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  min_length: 0,
  min_new_tokens: null,
  bad_words_ids: null,
  forced_bos_token_id: null,
  forced_eos_token_id: null,
  suppress_tokens: null,
  begin_suppress_tokens: null,
};

let model, tokenizer, stopped;

class Teller extends BaseStreamer {
  constructor(number) {
    super();
    this.number = number;
    this.isPrompt = true;
  }

  put([tokens]) {
    const { number, isPrompt } = this;
    this.isPrompt = false;
    postMessage({ number, [isPrompt ? "prompt" : "tokens"]: tokens.map(Number) });
  }

  end() {}
}

class Stopper extends StoppingCriteria {
  constructor(number) {
    super();
    this.number = number;
  }

  _call(rows) {
    return rows.map(() => Atomics.load(stopped, 0) >= this.number);
  }
}

async function load({ device, dtype, pieces, threads, stopped: shared }) {
  stopped = shared;
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = new URL("./", self.location).pathname;
  env.useBrowserCache = false;
  env.useWasmCache = false;
  const { wasm } = env.backends.onnx;
  wasm.numThreads = threads;
  for (const [part, address] of Object.entries(wasm.wasmPaths)) {
    wasm.wasmPaths[part] = here(`./runtime/${address.split("/").pop()}`);
  }
  let adapter = null;
  if (device === "webgpu") {
    adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) throw new Error("the browser has no WebGPU here");
  }
  tokenizer = await AutoTokenizer.from_pretrained("model");
  model = await AutoModelForCausalLM.from_pretrained("model", { device, dtype, use_external_data_format: pieces });
  delete model.configs.generation_config;
  postMessage({ loaded: true });
}

async function ask({ number, text, special, limit, ends }) {
  await model.generate({
    ...tokenizer(text, { add_special_tokens: special }),
    ...GREEDY,
    max_new_tokens: limit,
    eos_token_id: ends,
    streamer: new Teller(number),
    stopping_criteria: [new Stopper(number)],
  });
  postMessage({ number, ended: true });
}

// One after the other: where a step is computed elsewhere, on a GPU, messages come in meanwhile.
let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last
    .then(() => (data.load ? load(data.load) : ask(data.ask)))
    .catch((error) => postMessage({ number: data.ask?.number, error: String(error?.message ?? error) }));
};
