// What Python calls. The model is in a worker, so that this thread answers while a step is computed.

const stopped = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const heard = [];
let wake = () => {};

function tell(message) {
  heard.push(message);
  wake();
}

worker.onmessage = ({ data }) => tell(data);
worker.onerror = (event) => tell({ error: event.message || "the worker cannot be started" });

window.edgejson = {
  load: (settings) => worker.postMessage({ load: { ...settings, stopped } }),
  ask: (question) => worker.postMessage({ ask: question }),
  // A step has no end that a message could come in at: the worker looks at this number instead.
  stop: (number) => Atomics.store(stopped, 0, number),
  async listen(milliseconds) {
    if (heard.length === 0) {
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, milliseconds);
      });
    }
    return heard.splice(0);
  },
};
