"""Forms of notes: mail, chat, dictation, voicemail, contact form, minutes. Each makes a text of sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.suite.make.notes import phrases
from pytest_edgejson.suite.make.notes.calendar import full_date
from pytest_edgejson.suite.make.notes.pieces import capitalised, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_edgejson.suite.make.notes.note import Form, Note
    from pytest_edgejson.suite.make.notes.pieces import Piece, Slot
    from pytest_edgejson.suite.readings import Language

    Sentence = list[Piece]


def compose(note: Note, form: Form) -> list[Piece]:
    """Return the pieces of the whole text: the note's sentences in some order, in a form."""
    opening = note.groups.pop("open", [])
    groups = list(note.groups.values())
    note.random.shuffle(groups)
    sentences = [capitalised(sentence) for group in (opening, *groups, note.later) for sentence in group]
    return _FORMS[form](note, sentences)


def _pick(note: Note, table: Mapping[Language, str], **words: str) -> list[Piece]:
    slots: dict[str, Slot] = {name: (lambda _, word=word: [word]) for name, word in words.items()}  # type: ignore[misc]
    return fill(note.choose(table[note.language]), slots, note.random)


def _joined(sentences: Sequence[Sentence], separator: str = " ") -> list[Piece]:
    pieces: list[Piece] = []
    for sentence in sentences:
        pieces += [separator, *sentence] if pieces else sentence
    return pieces


def _today(note: Note) -> str:
    return full_date(note.today, note.language)


def _paragraphs(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    """Return sentences in paragraphs of two to five."""
    pieces: list[Piece] = []
    at = 0
    while at < len(sentences):
        size = note.random.randint(2, 5)
        pieces += ["\n\n"] * bool(pieces) + _joined(sentences[at : at + size])
        at += size
    return pieces


def _mail(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    labels = phrases.LABELS[note.language]
    sender, reader = note.pools.person(), note.pools.first_name()
    head = f"{labels['sent']}: {_today(note)}\n"
    if note.chance(0.6):
        head += f"{labels['subject']}: {note.choose(note.texts['subject'])}\n"
    if note.chance(0.3):
        head = f"{labels['from']}: {sender}\n{head}"
    talk = [_pick(note, phrases.SMALL_TALK)] if note.chance(0.6) else []
    closing = [_pick(note, phrases.CLOSINGS)] if note.chance(0.7) else []
    body = _paragraphs(note, [*talk, *sentences])
    end: list[Piece] = [
        *(["\n\n", *closing[0]] if closing else []),
        "\n\n",
        *_pick(note, phrases.SIGN_OFFS),
        "\n",
        sender,
    ]
    return [head, "\n", *_pick(note, phrases.GREETINGS, first=reader), "\n\n", *body, *end]


def _chat(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    writer, reader = note.pools.first_name(), note.pools.first_name()
    minute = note.random.randint(8 * 60, 16 * 60)
    pieces: list[Piece] = [f"— {_today(note)} —"]
    stamped = note.chance(0.7)

    def line(who: str) -> str:
        stamp = f"[{minute // 60:02d}:{minute % 60:02d}] " if stamped else ""
        return f"\n{stamp}{who}: "

    at = 0
    while at < len(sentences):
        size = note.random.choice((1, 1, 2))
        pieces += [line(writer), *_chatty(note, _joined(sentences[at : at + size]))]
        at += size
        minute += note.random.choice((0, 0, 1, 2))
        if at < len(sentences) and note.chance(0.25):
            pieces += [line(reader), *_pick(note, phrases.REACTIONS)]
            minute += note.random.choice((0, 1))
    return pieces


def _chatty(note: Note, pieces: list[Piece]) -> list[Piece]:
    """Leave out the full stop at the end of a message, as many do."""
    last = pieces[-1] if pieces else ""
    if isinstance(last, str) and last.endswith(".") and not last.endswith("..") and note.chance(0.6):
        return [*pieces[:-1], last[:-1]]
    return pieces


def _dictated(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    said: list[Sentence] = []
    for sentence in sentences:
        if said and note.chance(0.3):
            said.append(_pick(note, phrases.FILLERS))
        said.append(sentence)
    return _joined([_pick(note, phrases.DICTATION_STARTS, today=_today(note)), *said])


def _voicemail(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    sender = note.pools.person() if note.chance(0.6) else note.pools.first_name()
    words = {"today": _today(note), "time": note.clock(8, 17, 1), "first": note.pools.first_name(), "sender": sender}
    said: list[Sentence] = []
    for sentence in sentences:
        if said and note.chance(0.15):
            said.append(_pick(note, phrases.FILLERS))
        said.append(sentence)
    start, end = _pick(note, phrases.VOICEMAIL_STARTS, **words), _pick(note, phrases.VOICEMAIL_ENDS)
    return _joined([start, *said, end])


def _form(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    start = _pick(note, phrases.FORM_STARTS, today=_today(note), time=note.clock(8, 17, 1))
    closing = [_pick(note, phrases.CLOSINGS)] if note.chance(0.4) else []
    return [*start, "\n\n", *_paragraphs(note, [*sentences, *closing])]


def _minutes(note: Note, sentences: Sequence[Sentence]) -> list[Piece]:
    title = note.choose(note.texts["subject"])
    if note.chance(0.5):
        return [f"{title}\n{_today(note)}\n\n", *_paragraphs(note, sentences)]
    return [f"{title}, {_today(note)}\n", *(piece for each in sentences for piece in ("\n- ", *each))]


_FORMS: Mapping[Form, Callable[[Note, Sequence[Sentence]], list[Piece]]] = {
    "mail": _mail,
    "chat": _chat,
    "dictated": _dictated,
    "voicemail": _voicemail,
    "form": _form,
    "minutes": _minutes,
}
