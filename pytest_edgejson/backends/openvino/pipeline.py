"""What is asked of OpenVINO's libraries, to convert a model as to run it: its pipeline, and how it is fed and read."""

from __future__ import annotations

import importlib.metadata
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def import_openvino() -> Any:
    """Return the module `openvino`.

    It would send a report of its use to a web service each time, conversions included, unless a file in the user's
    home forbids it; without the library for that it is silent.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def versions(weights: str | None) -> dict[str, str]:
    """Return the versions of the libraries that a conversion and a run depend on."""
    names = ["openvino", "openvino-genai", "torch", "transformers", *(["nncf"] if weights == "int8" else [])]
    return {name: importlib.metadata.version(name) for name in names}


def load_apart(load: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call what has OpenVINO load its CPU plugin, in a thread that ends with it, and return what it returns.

    The plugin (2026.4.1) gives the thread that loads it an alternate stack for signals. Where several are loaded, as by
    a tokenizer and a model, it can leave the thread with the freed stack of another: its next signal, Ctrl-C for one,
    would be a segmentation fault.
    """
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(load, *arguments, **options).result()


def pipeline(folder: Path, properties: dict[str, Any], sequences: int) -> Any:
    """Return openvino-genai's pipeline of a converted model.

    Args:
        folder: of the model.
        properties: of OpenVINO's CPU plugin.
        sequences: generated at once, at most.
    """
    import_openvino()
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.max_num_seqs = sequences
    # Prompts are long and differ; what they share is a few words.
    scheduler.enable_prefix_caching = False
    return load_apart(openvino_genai.ContinuousBatchingPipeline, folder, scheduler, "CPU", properties)


def precision(dtype: str) -> dict[str, Any]:
    """Return the properties that make the CPU plugin compute in a dtype, `float32` or `bfloat16`.

    Left alone it chooses by the processor, and rounds keys and values to 8 bits.
    """
    if dtype == "float32":
        return {"EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    # The hint of above would make keys and values float32, which the kernels of bfloat16 don't take. What else it
    # switches off is the rounding of activations to 8 bits.
    return {"INFERENCE_PRECISION_HINT": "bf16", "KV_CACHE_PRECISION": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}


def ask(pipe: Any, number: int, prompt: Sequence[int], count: int, *, logprobs: bool = False) -> Any:
    """Give a pipeline a prompt's tokens; return the handle of the answer of so many tokens, the likeliest ones."""
    import numpy
    import openvino_genai

    openvino = import_openvino()
    config = openvino_genai.GenerationConfig()
    config.do_sample = False
    config.max_new_tokens = count
    # Who reads the answer decides where it ends. The token named is asked for all the same.
    config.ignore_eos = True
    config.eos_token_id = 0
    config.stop_token_ids = {0}
    config.logprobs = int(logprobs)
    return pipe.add_request(number, openvino.Tensor(numpy.array([prompt], dtype=numpy.int64)), config)


def read(handle: Any) -> tuple[list[int], list[float]]:
    """Return the tokens that have come in for an answer since it was read last, and their log probabilities."""
    tokens: list[int] = []
    logprobs: list[float] = []
    while handle.can_read():
        for output in handle.read().values():
            tokens += output.generated_ids
            logprobs += output.generated_log_probs
    return tokens, logprobs


def reason(error: BaseException) -> str:
    """Return the line of an exception's text that says most: OpenVINO begins with where in its sources it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Check ", "Exception from", "While validating"))]
    return (telling or lines or [type(error).__name__])[0][:300]


def cannot_load(name: str, folder: Path, error: RuntimeError) -> BackendError:
    """Return what says that OpenVINO cannot load a model, of whose name the message begins with."""
    return BackendError(f"{name}: OpenVINO cannot load {folder}: {reason(error)}")
