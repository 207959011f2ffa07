"""The Hugging Face hub: asked for files, and what an earlier run got from it taken where it does not answer."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Protocol

from pytest_edgejson.backends.interface import BackendError
from pytest_edgejson.values.wording import first_line

if TYPE_CHECKING:
    from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")
# For the hub to begin its answer.
_TIMEOUT_S = 10.0


class Fetch(Protocol):
    """Gets files of a repository."""

    def __call__(self, *, local_files_only: bool) -> Path:
        """Return where they are, downloaded if that is allowed.

        Raises:
            BackendError: the repository has no such files. Anything else that is raised means that it can't be had.
        """
        ...


def ask_hub(fetch: Fetch, name: str, repo: str, revision: str | None, what: str) -> Path:
    """Return where files of a repository are: from the hub, else as an earlier run left them.

    Args:
        fetch: gets them.
        name: of the model, for messages.
        repo: such as `org/name`.
        revision: branch, tag or commit; None for `main`.
        what: they are, such as `model` or `base model`, whose last word is a key of models.toml.

    Raises:
        BackendError: they cannot be had.
    """
    from huggingface_hub import model_info
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    # A commit never changes: what is here already needs no hub.
    if revision is not None and _COMMIT.fullmatch(revision):
        with contextlib.suppress(Exception):
            return fetch(local_files_only=True)
    asked = f"{name}: cannot get the {what} {repo!r} (revision {revision or 'main'}) from the Hugging Face hub"
    try:
        # snapshot_download waits for ever on a hub that takes the connection and doesn't answer; this does not.
        model_info(repo, revision=revision, timeout=_TIMEOUT_S)
        return fetch(local_files_only=False)
    except BackendError:
        raise
    except GatedRepoError:
        raise BackendError(f"{asked}: it is gated: ask for access on its page, then run `hf auth login`") from None
    except RevisionNotFoundError:
        raise BackendError(f"{asked}: it has no such revision") from None
    except RepositoryNotFoundError:
        raise BackendError(f"{asked}: there is no such repository, or it is private: `hf auth login`") from None
    except Exception as error:  # noqa: BLE001 - the hub library lets through whatever its HTTP library raises
        reason = first_line(error).rstrip(".")
    # Not reached: what an earlier run downloaded will do.
    try:
        return fetch(local_files_only=True)
    except BackendError as error:
        reason = f"{reason}; of what is on this machine: {str(error).removeprefix(f'{name}: ')}"
    except Exception:  # noqa: BLE001 - nothing is here
        pass
    key = what.rpartition(" ")[2]
    raise BackendError(
        f'{asked}: {reason}; with a copy on this machine: --edgejson-model=FOLDER, or {key} = "FOLDER" in models.toml'
    )
