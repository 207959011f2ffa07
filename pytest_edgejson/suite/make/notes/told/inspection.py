"""Inspections: what was found in which area of a site, and what must be done by when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_AREAS = (
    *("kitchen", "cellar", "roof", "stairwell", "boiler room", "cold store", "car park", "loading dock", "workshop"),
    *("changing room", "canteen", "lift shaft", "attic", "foyer", "laundry", "plant room", "bin store", "yard"),
)
_DEFECTS = (
    *("a cracked tile", "a blocked drain", "a loose handrail", "a missing fire extinguisher", "a leaking valve"),
    *("a broken light", "a jammed window", "a frayed cable", "a rusty bracket", "a damp patch", "a dripping tap"),
    *("a faulty smoke alarm", "a wobbly step", "a torn seal", "an overfull skip", "a sticking door", "a bent shelf"),
    "an unlabelled switch",
)
_SEVERITIES = ("minor", "major", "critical")

TEXTS: Texts = {
    "en": {
        "subject": """
            Inspection
            Site visit
            Report from the site
            Findings

            Inspection report
            Walk-round
            Checked: the site
            On site
        """,
        "open": """
            [I've|I have] been round the site, and this is what I found.
            Report on an inspection.
            Another inspection done, the details are below.
            This is what came out of the inspection.

            [Here are|These are] the findings of an inspection.
            I'm back from a site visit and want to get it all down.
            I've written up an inspection.
            The inspection is over, and here are my notes.
        """,
        "site": """
            The site was {site} in {city}.
            The inspection took place at {site}, {city}.
            It's about {site} in {city}.
            The place in question is {site}, which is in {city}.

            I was at {site} in {city}.
            We're talking about {site}, down in {city}.
            This is about {site}, {city}.
            We had to go to {site} in {city}.
        """,
        "who": """
            The inspector was {who}.
            {who} did the inspection.
            {who} went round with a torch and a checklist.
            {who} looked at everything.

            It was carried out by {who}.
            The one with the checklist was {who}.
            It was up to {who} to inspect it.
            We'd sent {who} to inspect the place.
        """,
        "day": """
            It was done {day}.
            That was {day}.
            It happened {day}.
            The date of the visit was {day:bare}.

            The visit took place {day}.
            The round was made {day}.
            We went {day}.
            The inspection was {day}.
        """,
        "area": """
            The {area} gets {score} out of ten.
            In the {area} it's {score} points out of ten.
            The score for the {area} is {score} out of ten.
            Ten would be perfect; the {area} gets {score}.

            I'd give the {area} a {score} out of ten.
            For the {area}, {score} points of the possible ten.
            The {area}: {score} out of ten.
            Then there's the {area}, which I'd put at {score} out of ten.
            The {area} deserves {score} points out of ten.
        """,
        "clean": """
            <There's nothing wrong there.>
            <Nothing to complain about there.>
            <I found no defects there.>
            <No faults turned up there.>

            <No defects there.>
            <Nothing's amiss there.>
            <All in good order there.>
            <I couldn't find a single defect there.>
        """,
        "defect": """
            In the {area} I found {defect}, which is {severity}; it has to be fixed by {day:bare}.
            There's {defect} there, a {severity} defect, to be put right by {day:bare}.
            Somebody has to see to {defect} there by {day:bare}, which I've put down as {severity}.
            In the {area} there was {defect}, rated {severity}, and the repair is due {day}.
            What's wrong there is {defect}: {severity}, with a deadline of {day:bare}.
            They've got {defect} in there, {severity} in my view, and have until {day:bare} to deal with it.

            What I found there is {defect}. I'd call that {severity}. Deadline: {day:bare}.
            I noticed {defect} there. It's {severity} and must be gone by {day:bare}.
            The trouble there is {defect}. That's {severity}, and they've got until {day:bare}.
            Something to mend there: {defect}, which counts as {severity}, by {day:bare} at the latest.
            Then there's {defect}, {severity}, to be seen to by {day:bare}.
        """,
        "fixed": """
            In the {area} I found {defect}, a {severity} one, but <that was repaired on the spot>.
            There's {defect} there, {severity}, and <there's no deadline for it>.
            In the {area} there was {defect}, rated {severity}; <it needn't be fixed by any particular day>.
            I spotted {defect} there. It's {severity}, <without a deadline>.

            What I found there is {defect}. It's {severity}, and <I've set no date for the repair>.
            What's wrong there is {defect}: {severity}, <no deadline set>.
            The trouble there is {defect}, {severity}, but <no date has been fixed for it>.
            Something to mend there some time: {defect}, which counts as {severity}, <no deadline>.
        """,
        "again": """
            I'll be back {day} to check.
            The next visit is {day}.
            We'll look at it again {day}.
            The follow-up takes place {day}.

            A second visit has been arranged for {day:bare}.
            Somebody will come round again {day} for the follow-up.
            We'll have another look {day}.
            They'll see us again {day}.
        """,
        "no_again": """
            <No follow-up is needed.>
            <There won't be a follow-up visit.>
            <We can do without a follow-up.>
            <No need to come back.>

            <I don't think a second visit is necessary.>
            <A follow-up hasn't been planned.>
            <That's that, no second visit.>
            <We won't be going back.>
        """,
        "decoy": """
            The visit before that, {past}, was a disaster.
            {person} let us in.
            Room {n} was locked, so I couldn't look inside.
            The owner, {person}, wasn't there.

            At {company} it was much worse, by the way.
            The repairs after the last visit cost £{amount}, I'm told.
            {first} made tea.
            The plans, number {ref}, were out of date.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    is_test = note.split == "test"
    day = note.day(-9, -1)
    record: dict[str, Any] = {
        "site": {"name": pools.company(), "city": pools.city()},
        "inspector": pools.person(),
        "date": day.isoformat(),
        "areas": [],
        "follow_up": None,
    }
    note.tell("open")
    site = record["site"]
    note.tell("site", site=note.text("site.name", site["name"]), city=note.text("site.city", site["city"]))
    note.tell("who", who=note.name("inspector", record["inspector"], pools.person(), "the name of the inspector"))
    note.tell("day", day=note.date("date", day, note.day(-20, -10), "the day of the visit"))
    areas = draw.sample(
        [area for index, area in enumerate(_AREAS) if (index % 3 == 2) == is_test], draw.choice((2, 2, 3))
    )
    defects = [defect for index, defect in enumerate(_DEFECTS) if (index % 3 == 2) == is_test]
    draw.shuffle(defects)
    record["areas"] = [_area(note, f"areas[{index}]", area, defects) for index, area in enumerate(areas)]
    if note.chance(0.6):
        again = note.day(15, 25)
        record["follow_up"] = again.isoformat()
        note.tell("again", day=note.date("follow_up", again, note.day(26, 35), "the day of the follow-up"))
    else:
        note.tell_none("no_again", "follow_up", 0.75)
    note.distract()
    return record


def _area(note: Note, path: str, area: str, defects: list[str]) -> dict[str, Any]:
    """Tell of one area; sentences of all areas stay together, in the order of the areas."""
    score = note.random.randint(2, 9)
    named, again = note.text(f"{path}.name", area), lambda _: [area]
    note.tell("area", group="areas", area=named, score=note.number(f"{path}.score", score, 10 if score < 9 else 1))
    found: list[dict[str, Any]] = []
    for index in range(note.random.choice((0, 1, 1, 2))):
        at = f"{path}.defects[{index}]"
        text, severity = defects.pop(), note.random.choice(_SEVERITIES)
        said: dict[str, Any] = {
            "defect": note.text(f"{at}.what", text),
            "severity": note.text(f"{at}.severity", severity),
            "area": again,
        }
        if note.chance(0.2):
            note.tags.add("null")
            note.tell("fixed", (f"{at}.fix_by", None), "areas", **said)
            found.append({"what": text, "severity": severity, "fix_by": None})
        else:
            day = note.day(1, 14)
            note.tell("defect", group="areas", day=note.date(f"{at}.fix_by", day, note.day(15, 20)), **said)
            found.append({"what": text, "severity": severity, "fix_by": day.isoformat()})
    if not found:
        note.tell("clean", (f"{path}.defects", []), "areas", area=again)
    return {"name": area, "score": score, "defects": found}


SUBJECT = Subject(TEXTS, _tell, ("mail", "dictated", "dictated", "minutes", "chat", "form"))
