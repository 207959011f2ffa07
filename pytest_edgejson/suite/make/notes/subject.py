"""What a module of `told` offers: sentences, and what tells a record with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_edgejson.suite.make.notes.note import Form, Note, Texts


@dataclass(frozen=True, slots=True)
class Subject:
    """What the notes of one schema are about.

    Attributes:
        texts: sentences by language and subject.
        tell: makes a record, and adds the sentences that say it to a note.
        forms: what such a note may be.
    """

    texts: Texts
    tell: Callable[[Note], dict[str, Any]]
    forms: tuple[Form, ...] = ("mail", "mail", "chat", "dictated", "voicemail", "form")
