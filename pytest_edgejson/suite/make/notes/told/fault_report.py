"""Faults: which device fails where, since when, and what has been tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_STEPS = ("restart", "update", "cable", "reset")
_PLACES = (
    *("the reception", "the print room", "the archive", "the workshop", "the canteen", "the loading bay"),
    *("the library", "the lab", "the training room", "the warehouse", "the showroom", "the post room"),
)
_STEP_WORDS = {
    "restart": ("restarted it", "switched it off and on again", "rebooted it"),
    "update": ("installed the latest update", "updated the firmware", "ran the update"),
    "cable": ("swapped the cable", "tried another cable", "replaced the cable"),
    "reset": ("put it back to factory settings", "reset it to factory settings", "did a factory reset"),
}

TEXTS: Texts = {
    "en": {
        "subject": """
            Broken device
            It's stopped working
            Help, please
            Device failure

            Fault
            Another fault
            Please repair
            Out of order
        """,
        "open": """
            [I've got|I have] a fault to report.
            Something's broken again.
            Reporting a fault.
            We've got a device playing up.

            [Could someone|Can somebody] have a look at this?
            I need help with a device that's failing.
            There's something for you to fix.
            We're in trouble with a device again.
        """,
        "device": """
            It's the {device} in {place} that's [acting up|not working].
            The {device} in {place} has given up.
            The trouble is with the {device} in {place}.
            In {place}, the {device} refuses to work.

            We can't use the {device} in {place} any more.
            The {device} has failed, the one in {place}.
            Have a look at the {device} in {place}, it's out of order.
            In {place} the {device} is on strike.
        """,
        "who": """
            {who} noticed it first.
            It was {who} who found out.
            The person who reported it is {who}.
            It was reported by {who}.

            {who} told me about it.
            I heard it from {who}, who was using it at the time.
            {who} came to me about it.
            The report comes from {who}.
        """,
        "since": """
            It started {day}.
            It's been like that since {day:bare}.
            It broke down {day}.
            It all began {day}.

            The first time it happened was {day}.
            The fault showed up {day}.
            The problem dates back to {day:bare}.
            It went wrong for the first time {day}.
        """,
        "code": """
            The display says {code}.
            The error code is {code}.
            What it shows is {code}.
            It keeps flashing {code}.

            It shows error {code}.
            There's a code on the screen: {code}.
            On the screen it reads {code}.
            The code it gives is {code}.
        """,
        "no_code": """
            <There's no error code.>
            <It doesn't show any code.>
            <I couldn't see an error code.>
            <It gives no code at all.>

            <The display stays dark, so no code.>
            <No code on the screen, just a beep.>
            <There wasn't any error code to be seen.>
            <It doesn't come up with a code.>
        """,
        "urgent_low": """
            <There's no hurry.>
            <It's low priority.>
            <Take your time with it.>
            <It can easily wait.>

            <Whenever you get round to it.>
            <No rush whatsoever.>
            <We can live without it for weeks.>
            <It's not important, do it some time.>
        """,
        "urgent_normal": """
            <Please treat it as normal priority.>
            <Just handle it in the usual order.>
            <It's neither urgent nor unimportant, so normal priority.>
            <Priority: normal.>

            <Normal priority is fine.>
            <Put it in the queue with normal priority.>
            <A normal priority will do.>
            <Deal with it as normal priority.>
        """,
        "urgent_high": """
            <This is urgent, we can't work without it.>
            <High priority, please!>
            <Please come as soon as you can, everything has stopped.>
            <Drop everything else, this one's urgent.>

            <It's really urgent.>
            <It can't wait.>
            <We need it back today, it's urgent!>
            <Make this your top priority.>
        """,
        "tried": """
            So far [I've|I have] {steps}.
            I already {steps}, but it didn't help.
            [We've|We have] {steps}, to no avail.
            My colleague {steps}, with no luck.

            What I did was this: I {steps}. Nothing changed.
            They've {steps} and it's still the same.
            We {steps}, and nothing came of it.
            I {steps}. The fault is still there.
        """,
        "tried_none": """
            <We haven't tried anything.>
            <I haven't touched it.>
            <Nothing has been tried so far.>
            <I've left it alone.>

            <Nobody's tried to fix it.>
            <No one has done anything about it yet.>
            <We've not done a thing about it.>
            <I didn't try to mend it.>
        """,
        "not_tried": """
            I haven't {step}, I don't dare.
            Nobody has {step} so far.

            We haven't {step} yet.
        """,
        "decoy": """
            The old case, {ref}, has nothing to do with it.
            {person} had a similar problem with another machine {past}.
            The one next to it works fine.
            It's not the network, {first} checked that.

            If I'm out, ask {person}.
            Ticket {ref} was closed {past} and is about the lift.
            {first}'s machine makes strange noises too, but that's normal.
            The guarantee ran out {past}.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    places = [place for index, place in enumerate(_PLACES) if (index % 3 == 2) == (note.split == "test")]
    since = note.day(-14, -1)
    record: dict[str, Any] = {
        "device": pools.product(),
        "place": draw.choice(places).removeprefix("the "),
        "reported_by": pools.person(),
        "since": since.isoformat(),
        "error_code": None,
        "priority": draw.choice(("low", "normal", "high")),
        "tried": [],
    }
    note.tell("open")
    place = note.text("place", record["place"])
    note.tell("device", device=note.text("device", record["device"]), place=lambda _: ["the ", *place("")])
    note.tell("who", who=note.name("reported_by", record["reported_by"], pools.person(), "the name of who found it"))
    note.tell("since", day=note.date("since", since, note.day(-25, -15), "the day it began"))
    if note.chance(0.65):
        record["error_code"] = pools.code(draw.choice(("E", "F", "ERR")), 3)
        note.tell("code", code=note.name("error_code", record["error_code"], pools.code("E", 3), "the error code"))
    else:
        note.tell_none("no_code", "error_code", 0.8)
    note.tell(f"urgent_{record['priority']}", ("priority", record["priority"]))
    _tell_steps(note, record)
    note.distract()
    return record


def _tell_steps(note: Note, record: dict[str, Any]) -> None:
    from pytest_edgejson.suite.make.notes.pieces import Stated

    steps = note.random.sample(_STEPS, note.random.choice((0, 1, 1, 2)))
    record["tried"] = steps
    if not steps:
        note.tell("tried_none", ("tried", []), "tried")
        return
    said = [
        [Stated(note.random.choice(_STEP_WORDS[step]), f"tried[{index}]", step, "meaning")]
        for index, step in enumerate(steps)
    ]
    note.tell("tried", group="tried", steps=note.listing(said))
    if note.chance(0.35):
        note.tags.add("negation")
        other = note.random.choice([step for step in _STEPS if step not in steps and step != "update"])
        words = note.random.choice([each for each in _STEP_WORDS[other] if not each.startswith("did")])
        note.tell("not_tried", group="tried", step=lambda _: [words])


SUBJECT = Subject(TEXTS, _tell)
