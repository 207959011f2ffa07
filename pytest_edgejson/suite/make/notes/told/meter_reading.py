"""Meter readings: what a meter in a flat shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_KINDS = ("electricity", "gas", "water")

TEXTS: Texts = {
    "en": {
        "subject": """
            Meter reading
            Reading for our flat
            Readings
            Yearly reading

            Meter
            The number you wanted
            The meter again
            As requested: the meter
        """,
        "open": """
            You asked for a meter reading.
            [Here's|This is] the reading you wanted.
            I'm reporting a meter reading.
            Please put this meter reading on file.

            I've finally been down to the cellar for the meter.
            [Time for|It's time for] the meter reading again.
            The meter has been read.
            Your letter asked for a reading, so here it is.
        """,
        "kind": """
            It's about the {kind}.
            I mean the {kind} meter.
            This is for {kind}.
            We're talking {kind} here.

            It's the one for {kind}.
            The meter is the one that counts {kind}.
            What it measures is {kind}.
            I'm on about the {kind} meter.
        """,
        "meter": """
            The meter number is {meter}.
            The label on it says {meter}.
            It says {meter} on the front.
            You'll have it on file as {meter}.

            Meter {meter}, that's the one.
            The device carries the number {meter}.
            Its number is {meter}.
            Look for {meter} in your list of meters.
        """,
        "reading": """
            It [shows|says|reads] {reading}.
            The display stood at {reading}.
            The figure is {reading}.
            What I read off is {reading}.

            The counter is at {reading} now.
            The dial has got to {reading}.
            It had counted up to {reading}.
            The drum stopped at {reading}.
        """,
        "date": """
            I read it {day}.
            The reading was taken {day}.
            I wrote that down {day}.
            I took it {day}.

            I went to look {day}.
            I checked it {day}.
            I had a look {day}.
            I noted it down {day}.
        """,
        "tenant": """
            The tenant is {tenant}.
            [The flat is let|The contract's made out] to {tenant}.
            {tenant} lives there.
            The account is {tenant}'s.

            It's {tenant}'s flat.
            The account to charge is that of {tenant}.
            The person in the flat is {tenant}.
            {tenant} pays for it.
        """,
        "estimate_yes": """
            <It's only an estimate, the glass is too dirty to be sure.>
            <I've had to guess the last digits, so call it an estimate.>
            <That's estimated, as the display was dark.>
            <Please mark it as estimated.>

            <Treat it as an estimate, I couldn't get close enough.>
            <It's my best guess, not an exact reading.>
            <I couldn't see much, so it's a rough estimate.>
            <Don't take it as exact, I estimated it.>
        """,
        "estimate_no": """
            <That's not an estimate, I had a torch with me.>
            <It's exact, nothing estimated.>
            <No estimate this time, I stood right in front of it.>
            <It isn't estimated, I've got a photo of it.>

            <I read it off properly, no guessing.>
            <It's a real reading rather than a guess.>
            <I copied it digit by digit, it's no estimate.>
            <It's what the meter says, not an estimate.>
        """,
        "decoy": """
            Last year it was {n},{amount}0, if I remember rightly.
            The neighbours' meter, {ref}, is none of our business.
            There's another meter, {ref}, but it was taken out of service {past}.
            Flat {n} hasn't been read yet.

            {person} will do the heating costs.
            If you need the keys, ask {person}.
            The caretaker is {person}.
            Meter {ref} hangs next door and isn't mine.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    kind = note.random.choice(_KINDS)
    meter = note.pools.code(note.random.choice(("EM", "GZ", "WK", "TN")), 6)
    reading, day = note.random.randint(1200, 98000), note.day(-12, -1)
    record: dict[str, Any] = {
        "meter_number": meter,
        "kind": kind,
        "reading": reading,
        "read_on": day.isoformat(),
        "tenant": note.pools.person(),
    }
    note.tell("open")
    note.tell("kind", kind=note.text("kind", kind))
    note.tell("meter", meter=note.name("meter_number", meter, note.pools.code("EM", 6), "the meter number"))
    wrong = reading + note.random.choice((10, 100, 1000, -100))
    note.tell("reading", reading=note.quantity("reading", reading, wrong, "the figure"))
    note.tell("date", day=note.date("read_on", day, note.day(-30, -13), "the date"))
    note.tell("tenant", tenant=note.text("tenant", record["tenant"]))
    if note.chance(0.6):
        record["estimated"] = note.chance(0.5)
        note.tell_flag("estimate", "estimated", record["estimated"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
