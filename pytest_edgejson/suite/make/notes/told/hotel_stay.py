"""Hotel stays: who comes when, for how many nights, into which rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_ROOMS = ("single", "double", "twin", "family")

TEXTS: Texts = {
    "en": {
        "subject": """
            Hotel booking
            A stay with you
            Reservation
            Overnight stay

            Rooms for our guest
            Booking request
            Rooms wanted
            Staying with you
        """,
        "open": """
            [I'd like|We'd like] to book a stay.
            Do you have anything free? This is what we need.
            I'm looking for somewhere to stay for a guest of ours.
            Could you take a booking for us?

            Please reserve rooms for us.
            Here's a new booking for the hotel.
            Can we stay with you?
            I want to arrange a stay for a guest.
        """,
        "guest": """
            The guest is {guest}.
            It's for {guest}.
            {guest} will be staying.
            Please book it under {guest}.

            The booking's in the name of {guest}.
            {guest} is the one who'll check in.
            You'll be looking after {guest}.
            Our guest is called {guest}.
        """,
        "when": """
            Arrival is {day}, for {nights:night/nights}.
            They'd get there {day} and stay {nights:night/nights}.
            It's {nights:night/nights}, starting {day}.
            They come {day} and leave after {nights:night/nights}.

            Check-in would be {day}; it's {nights:night/nights} in all.
            The stay begins {day} and lasts {nights:night/nights}.
            They'd arrive {day} and want {nights:night/nights}.
            First night: {day:bare}. It's {nights:night/nights} altogether.
        """,
        "rooms": """
            [We|They] need {rooms}.
            It's {rooms} [this time|they want].
            {rooms} would do nicely.
            They're asking for {rooms}.

            Please keep {rooms}.
            Could we have {rooms}?
            What we'd take is {rooms}.
            Would you have {rooms}?
        """,
        "breakfast_yes": """
            <Breakfast should be included.>
            <With breakfast, please.>
            <Breakfast too, please.>
            <Breakfast would be good.>

            <They'd like breakfast.>
            <Put them down for breakfast.>
            <They do want breakfast.>
            <Please add breakfast.>
        """,
        "breakfast_no": """
            <No breakfast, please.>
            <They don't want breakfast.>
            <They'll be off too early for breakfast, so leave it out.>
            <We'll do without breakfast.>

            <Breakfast isn't needed.>
            <Without breakfast, they never eat before noon.>
            <There's no need for breakfast.>
            <Please leave out breakfast.>
        """,
        "rate": """
            We agreed on {rate} a night.
            The rate is {rate} per night.
            The price per night is {rate}.
            On the phone you quoted {rate} per night.

            You offered us {rate} a night.
            It's {rate} a night, as you promised.
            The price we settled on is {rate} a night.
            You let us have it for {rate} a night.
        """,
        "no_rate": """
            <We haven't agreed on a rate.>
            <The price per night is still open.>
            <No rate has been fixed so far.>
            <I don't know what it costs a night.>

            <We haven't talked about the price.>
            <What you charge per night, we still need to hear.>
            <Nothing's been said about the price.>
            <There isn't a price yet.>
        """,
        "late": """
            They won't be there before {clock}.
            Expect them at {clock}.
            Their train is due at {clock}, so count on them then.
            They hope to check in at {clock}.

            They'll get in at {clock}.
            They should walk in at {clock}.
            Check-in will be at {clock}.
            They should arrive at {clock}.
        """,
        "decoy": """
            Last year we paid {amount} a night elsewhere.
            {person} stayed with you {past} and was delighted.
            Room {n} was very loud last time.
            {person} isn't coming after all.

            We also asked {company}, but they were full.
            The conference is in {city}, in case you wonder.
            Their colleague {person} stays elsewhere.
            The fair closes at the end of the month, hence the rush in {city}.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    arrival, nights = note.day(1, 25), draw.randint(1, 9)
    rooms = [{"type": kind, "count": draw.randint(1, 4)} for kind in draw.sample(_ROOMS, draw.choice((1, 2, 2)))]
    record: dict[str, Any] = {"guest": pools.person(), "arrival": arrival.isoformat(), "nights": nights, "rooms": rooms}
    note.tell("open")
    note.tell("guest", guest=note.name("guest", record["guest"], pools.person(), "the name"))
    note.tell(
        "when",
        day=note.date("arrival", arrival, note.day(26, 40), "the day of arrival"),
        nights=note.number("nights", nights, nights + 1, "the number of nights"),
    )
    said = [_room(note, index, room) for index, room in enumerate(rooms)]
    note.tell("rooms", rooms=note.listing(said))
    record["rate"] = None
    if note.chance(0.65):
        currency, amount = draw.choice(("EUR", "GBP", "USD", "CHF")), draw.randint(62, 240)
        record["rate"] = {"amount": amount, "currency": currency}
        said_rate = note.money("rate.amount", amount, currency, "rate.currency", wrong=amount + 10, noun="the rate")
        note.tell("rate", rate=said_rate)
    else:
        note.tell_none("no_rate", "rate", 0.7)
    if note.chance(0.7):
        record["breakfast"] = note.chance(0.5)
        note.tell_flag("breakfast", "breakfast", record["breakfast"])
    if note.chance(0.5):
        record["arrival_time"] = note.clock(14, 22)
        note.tell("late", clock=note.time("arrival_time", record["arrival_time"]))
    note.distract()
    return record


def _room(note: Note, index: int, room: dict[str, Any]) -> list[Any]:
    from pytest_edgejson.suite.make.notes.pieces import Stated

    count = note.number(f"rooms[{index}].count", room["count"], room["count"] + 1, in_words=1.0)
    kind = Stated(room["type"], f"rooms[{index}].type", room["type"], "text")
    return [*count(""), " ", kind, " room" if room["count"] == 1 else " rooms"]


SUBJECT = Subject(TEXTS, _tell)
