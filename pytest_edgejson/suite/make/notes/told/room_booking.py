"""Rooms: which one, when, for how many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_ROOMS = ("Garnet", "Jade", "Topaz", "Opal", "Amber", "Coral", "Ivory", "Slate", "Pearl", "Onyx", "Ruby", "Lapis")

TEXTS: Texts = {
    "en": {
        "subject": """
            Room booking
            Meeting room
            Room request
            Booking a room

            A room, please
            Room needed
            Reserve a room
            A place to meet
        """,
        "open": """
            [I need|I'd like] to book a meeting room.
            Could you reserve a room for us?
            [Can|Could] you book us a room, please?
            I'm after a meeting room.

            We [need|could do with] a room.
            Please enter a room booking.
            We're looking for a room to meet in.
            I need to get a room reserved.
        """,
        "room": """
            [It should be|We'd like] {room}.
            {room} is the room we want.
            We've always been happy in {room}, so that one.
            The room's {room}.

            Please take {room}.
            Put us in {room}.
            If possible, {room}.
            {room} suits us best.
        """,
        "not_room": """
            {other} is too small, so please take {room}.
            Not {other} this time, {room} please.
            {other} has no daylight. {room}, please.
            Since {other} is taken, it'll be {room}.

            We'd asked for {other}, but that's being painted; give us {room}.
            Anything but {other}. Let's say {room}.
            Swap {other} for {room}, please.
            I know {other} is nicer, but we want {room}.
        """,
        "when": """
            We'd [start|kick off] {day} at {clock}.
            It's {day}, starting at {clock}.
            The meeting begins at {clock} {day}.
            Block it {day}, beginning at {clock}.

            We need it {day} from {clock} on.
            Everybody arrives {day} at {clock} sharp.
            Start is {day} at {clock}.
            We want to get going {day} at {clock}.
        """,
        "long": """
            We'll need it for {long}.
            It'll last {long}.
            {long} should do.
            The whole thing takes {long}.

            Give us {long}.
            Make it {long} in all.
            We'll be in there for {long}.
            Plan for {long}.
        """,
        "people": """
            There'll be {people:person/people} [in the room|altogether].
            We need seats for {people}.
            {people:person/people} will come.
            Please set it up for {people}.

            I'm expecting {people:person/people}.
            The head count is {people}.
            You'll want chairs for {people}.
            Our group is {people:person/people} strong.
        """,
        "catering_yes": """
            <Coffee and biscuits would be lovely.>
            <Please order catering.>
            <Could the kitchen send sandwiches up?>
            <We do want catering this time.>

            <We'd like something to eat as well.>
            <Please get some food and drink in.>
            <Can you lay on some food?>
            <Drinks and snacks, please.>
        """,
        "catering_no": """
            <We don't need any catering.>
            <No catering, thanks.>
            <We'll skip the catering.>
            <Nothing to eat or drink, please.>

            <There's no need for food or drinks.>
            <Catering isn't necessary.>
            <They'll have eaten, so don't order any food.>
            <Skip the coffee and cake, nobody wants any.>
        """,
        "decoy": """
            Last time we were {n}, and it was a squeeze.
            {person} has the key.
            {first}'s team meets next door, so don't be surprised.
            Extension {n} if you need me.

            The projector in the other building broke {past}.
            {person} might drop by to fix the blinds.
            {person} booked the hall next door {past}.
            The lift only takes {n} people.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    # A third of the rooms are the test cases' own, as with sentences.
    rooms = [room for index, room in enumerate(_ROOMS) if (index % 3 == 2) == (note.split == "test")]
    room, other = note.random.sample(rooms, 2)
    day, clock, people = note.day(1, 15), note.clock(8, 16), note.random.randint(3, 20)
    record: dict[str, Any] = {
        "room": room,
        "date": day.isoformat(),
        "start": clock,
        "duration_minutes": note.random.choice((30, 45, 60, 90, 120, 180, 240)),
        "people": people,
    }
    note.tell("open")
    said = note.text("room", room)
    if note.chance(0.4):
        note.tags.add("distractor")
        note.tell("not_room", room=said, other=lambda _: [other])
    else:
        note.tell("room", room=said)
    note.tell(
        "when",
        day=note.date("date", day, note.day(16, 25), "the day"),
        clock=note.time("start", clock, note.clock(17, 18), "the start time"),
    )
    long = record["duration_minutes"]
    note.tell("long", long=note.minutes("duration_minutes", long, long + 15 if long > 90 else None, "the duration"))
    note.tell("people", people=note.number("people", people, people + 2, "the head count"))
    if note.chance(0.7):
        record["catering"] = note.chance(0.5)
        note.tell_flag("catering", "catering", record["catering"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
