"""Hooks that other plugins and a conftest.py may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_edgejson.backends.interface import BackendType
    from pytest_edgejson.results.result import Result


def pytest_edgejson_result(result: Result, config: pytest.Config) -> None:
    """Take a result as it comes in; on xdist's controller, never on a worker.

    The result is one line of the results file, JSON builtins only::

        def pytest_edgejson_result(result, config):
            mlflow.log_metric(f"{result['model']}/{result['case_id']}", result["field_f1"])
    """


def pytest_edgejson_backends(config: pytest.Config) -> Mapping[str, BackendType] | None:
    """Bring kinds of backends, each under a prefix of its own.

    A plugin, or the conftest.py at the root of a project, brings `acme`::

        from pytest_edgejson.backends.interface import BackendType

        def load(spec, settings, options):
            # Imported here and not above, so that a run without such a model stays quick.
            from acme_edgejson.backend import AcmeBackend

            return AcmeBackend(spec, settings, options)

        def pytest_edgejson_backends(config):
            return {"acme": BackendType(load)}

    and this is its `acme_edgejson/backend.py`::

        import acme

        from pytest_edgejson.backends.interface import Backend, Completion
        from pytest_edgejson.backends.prompts import Prompts

        class AcmeBackend(Backend):
            def __init__(self, spec, settings, options):
                self.spec, self.settings, self.prompts = spec, settings, Prompts(spec, options)
                self.client = acme.Client(spec.model)

            @property
            def fingerprint(self):
                # All that answers depend on: as long as it is the same, the store has them already.
                return f"acme {acme.__version__} {self.client.model_digest()}"

            @property
            def description(self):
                return {"backend": "acme", "model": self.spec.model, "version": acme.__version__}

            def render(self, case):
                # A text, or the messages of a chat where the prompt is one.
                return self.prompts.make(case)

            def answer(self, request):
                said = self.client.complete(request.text, limit=self.settings.max_new_tokens)
                return Completion(request.key, said.text, "length" if said.was_cut_off else "stop")

    Then `--edgejson-model=acme:large-2` runs it with `spec.model == "large-2"`, and an entry of models.toml with
    `backend = "acme"` and `model = "large-2"` does too, with its other keys in `spec`. A backend runs in pytest's
    process, and on each xdist worker, unless its `BackendType` says `isolated`; what that asks for is said there.

    Returns:
        The kinds by prefix.
    """
