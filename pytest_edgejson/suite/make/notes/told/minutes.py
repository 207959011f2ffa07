"""Minutes: who met, what was given to whom, when they meet again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_TASKS = (
    *("update the price list", "call the landlord", "order new badges", "draft the newsletter", "fix the side door"),
    *("find a caterer", "write to the council", "check the fire exits", "renew the insurance", "sort the archive"),
    *("book the hall", "talk to the printers", "clean up the shared drive", "interview the applicants"),
    *("test the backup", "collect the signatures", "get three quotes", "print the posters", "repaint the fence"),
    *("finish the grant report", "plan the summer party", "replace the projector lamp", "proofread the brochure"),
    *("count the stock",),
)

TEXTS: Texts = {
    "en": {
        "subject": """
            Minutes
            Notes from the meeting
            Minutes of our meeting
            Team meeting

            Meeting notes
            Minutes of the committee
            Minutes, for circulation
            What we decided
        """,
        "open": """
            [We met today|The meeting was held today] as planned.
            This is what we settled in today's meeting.
            Today's meeting, in brief.
            What follows is what was said at today's meeting.

            [A short|Another] meeting today.
            Everything from this morning's meeting, before I forget.
            Today's meeting was short and to the point.
            Notes on today's meeting.
        """,
        "chair": """
            {chair} was in the chair.
            {chair} chaired [the meeting|it].
            {chair} led us through the agenda.
            It was {chair} who chaired.

            The chair was {chair}.
            Chairing was up to {chair}.
            The meeting was run by {chair}, in the chair.
            In the chair: {chair}.
        """,
        "present": """
            Also present: {people}.
            {people} were there too.
            {people} took part as well.
            With them were {people}.

            Around the table [we had|there were] {people}.
            Apart from the chair, {people} attended.
            {people} had come as well.
            Others who came: {people}.
        """,
        "absent": """
            {people} sent apologies.
            Apologies from {people}.
            Missing: {people}.
            {people} couldn't make it.

            We had to do without {people}.
            Absent: {people}.
            {people} stayed away.
            We missed {people}.
        """,
        "all_there": """
            <Nobody was missing.>
            <No apologies this time.>
            <No one had sent apologies.>
            <We were complete.>

            <Everyone who was invited came.>
            <There were no absentees.>
            <Not one of us was absent.>
            <All members were there.>
        """,
        "action": """
            {owner} will {task} by {day:bare}.
            {owner} is going to {task}, and the deadline is {day:bare}.
            {owner} promised to {task} by {day:bare}.
            {owner} agreed to {task}, due {day}.

            {owner} has to {task}; it should be done by {day:bare}.
            We asked {owner} to {task} by {day:bare}.
            {owner} said yes to this: {task}, by {day:bare}.
            It's up to {owner} to {task} by {day:bare}.
        """,
        "action_open": """
            {owner} will {task}, <with no deadline>.
            {owner} is going to {task}, <no date set>.
            {owner} promised to {task}, <no deadline given>.
            {owner} agreed to {task}, <whenever there's time>.

            {owner} has to {task}, <but we didn't set a deadline>.
            We asked {owner} to {task}, <without a deadline>.
            {owner} said yes to this: {task}, <at no fixed date>.
            It's up to {owner} to {task}, <there's no deadline for it>.
        """,
        "next": """
            The next meeting is {day} at {clock}.
            We meet again {day} at {clock}.
            We'll be back {day} at {clock}.
            The group gets together again {day} at {clock}.

            Next time: {day:bare}, {clock}.
            See you all {day} at {clock} for the next one.
            Our next date is {day:bare}, {clock}.
            For the next meeting we'll gather {day} at {clock}.
        """,
        "no_next": """
            <No date was set for the next meeting.>
            <We haven't fixed the next meeting.>
            <There's no next meeting planned.>
            <The next meeting has yet to be arranged.>

            <When we meet again is open.>
            <We couldn't agree on a date for another meeting.>
            <Nobody knows yet when the next meeting will be.>
            <We didn't settle on a next meeting.>
        """,
        "decoy": """
            The last meeting was {past}, for the record.
            {person}'s proposal was dropped.
            {company} made an offer, which we turned down.
            The budget stands at {amount} thousand and wasn't touched.

            Nobody wanted to discuss the {n} complaints.
            {person} from {company} had asked for a visit, but we said no.
            The old coffee machine went to {company}.
            The heating was off again, the third time since {past}.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    people = [pools.person() for _ in range(draw.randint(3, 5))]
    chair, *present = people
    absent = [pools.person() for _ in range(draw.choice((0, 1, 2)))]
    record: dict[str, Any] = {"chair": chair, "present": present, "absent": absent, "actions": [], "next_meeting": None}
    note.tell("open")
    note.tell("chair", chair=note.text("chair", chair))
    note.tell("present", people=_names(note, "present", present))
    if absent:
        note.tell("absent", people=_names(note, "absent", absent))
    elif note.chance(0.7):
        note.tell("all_there", ("absent", []))
    else:
        note.silent["absent"] = []
    tasks = [task for index, task in enumerate(_TASKS) if (index % 3 == 2) == (note.split == "test")]
    for index, task in enumerate(draw.sample(tasks, draw.choice((1, 2, 2, 3)))):
        record["actions"].append(_action(note, f"actions[{index}]", draw.choice(people), task))
    if note.chance(0.65):
        day, clock = note.day(5, 20), note.clock(8, 17)
        record["next_meeting"] = {"date": day.isoformat(), "time": clock}
        note.tell(
            "next",
            day=note.date("next_meeting.date", day, note.day(21, 30), "the day of the next meeting"),
            clock=note.time("next_meeting.time", clock, note.clock(18, 19), "the time of the next meeting"),
        )
    else:
        note.tell_none("no_next", "next_meeting")
    note.distract()
    return record


def _names(note: Note, path: str, names: list[str]) -> Any:
    return note.listing([note.text(f"{path}[{index}]", name)("") for index, name in enumerate(names)])


def _action(note: Note, path: str, owner: str, task: str) -> dict[str, Any]:
    said: dict[str, Any] = {"owner": note.text(f"{path}.owner", owner), "task": note.text(f"{path}.task", task)}
    if note.chance(0.2):
        note.tags.add("null")
        note.tell("action_open", (f"{path}.due", None), "actions", **said)
        return {"owner": owner, "task": task, "due": None}
    day = note.day(1, 14)
    wrong = note.day(15, 22)
    note.tell("action", group="actions", day=note.date(f"{path}.due", day, wrong), **said)
    return {"owner": owner, "task": task, "due": day.isoformat()}


SUBJECT = Subject(TEXTS, _tell, ("minutes", "minutes", "minutes", "mail", "dictated", "chat"))
