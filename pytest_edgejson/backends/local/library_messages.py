"""What the model libraries say: their warnings are kept away, and what they raise while they load becomes one line."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.backends.local.memory import is_out_of_memory
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' warnings from becoming errors under a project's `filterwarnings = error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def one_line(name: str, what: str) -> Iterator[None]:
    """Turn what the libraries raise while they load into one line, and hide their progress bars."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except BackendError:
        raise
    except ImportError as error:
        raise BackendError(f"{name}: {what} needs a library that is missing: {first_line(error)}") from error
    except MemoryError as error:
        raise BackendError(f"{name}: {what} does not fit into memory: use a smaller one") from error
    except Exception as error:
        hint = ""
        if "trust_remote_code" in str(error):
            hint = "; if you trust it, set trust_remote_code = true in models.toml"
        elif is_out_of_memory(error):
            hint = "; use a smaller one, or --edgejson-device=cpu"
        raise BackendError(f"{name}: {what} cannot be loaded: {first_line(error)}{hint}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
