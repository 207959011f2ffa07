"""What keeps a model from being exported."""

from __future__ import annotations


class ExportError(ValueError):
    """A model that cannot be exported. The message names the model and the fix."""
