"""Business trips: who goes where by what, where they sleep, what it may cost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_MODES = ("train", "plane", "ferry", "coach")

TEXTS: Texts = {
    "en": {
        "subject": """
            Business trip
            Travel plans
            Travel request
            On the road

            Trip to organise
            Trip approval
            Tickets wanted
            Off we go
        """,
        "open": """
            [I need|We need] a trip booked.
            Here's a trip that needs organising.
            Travel request, details below.
            Somebody has to go on a trip again.

            Could you look into a business trip for us?
            Please prepare a trip, this is what's known.
            A trip is coming up.
            I'm putting in for a trip.
        """,
        "traveller": """
            {who} will be travelling.
            The traveller is {who}.
            {who} is going.
            The trip is for {who}.

            It's {who} who has to go.
            The one to travel is {who}.
            We're sending {who}.
            {who} has been picked to go.
        """,
        "cost_centre": """
            The cost centre is {code}.
            Charge it to {code}.
            Cost centre: {code}.
            {code} is the cost centre for this.

            It goes on cost centre {code}.
            Please book it on {code}.
            For the books: cost centre {code}.
            {code} pays.
        """,
        "first_leg": """
            {day} it's by {mode} from {start} to {goal}, leaving at {clock}.
            It begins with the {mode} from {start} to {goal}, {day} at {clock}.
            First there's the {mode} that leaves {start} for {goal} {day} at {clock}.
            They set out {day} at {clock}, by {mode}, from {start} to {goal}.

            The first leg is {day}: by {mode} from {start} to {goal}, departing at {clock}.
            The way there is by {mode}, {start} to {goal}, {day} at {clock}.
            We start {day} at {clock}, taking the {mode} from {start} to {goal}.
            To begin with, it's {start} to {goal} by {mode}, {day} at {clock}.
        """,
        "next_leg": """
            From {start} they continue {day} at {clock}, by {mode}, to {goal}.
            Then it's the {mode} from {start} to {goal}, {day} at {clock}.
            Next they go from {start} to {goal} by {mode}, leaving {day} at {clock}.
            The leg after that is by {mode}, {start} to {goal}, {day} at {clock}.

            After that there's the {mode} at {clock} {day}, which takes them from {start} to {goal}.
            They leave {start} for {goal} {day}, by {mode}, at {clock}.
            Later it's on to {goal} from {start}, by {mode}, {day} at {clock}.
            Another leg: {day} at {clock} the {mode} goes from {start} to {goal}.
            Then from {start} to {goal}, {day}, {mode} at {clock}.
        """,
        "hotel": """
            They'll stay at the {hotel} in {city} for {nights:night/nights}.
            The hotel is the {hotel} in {city}, {nights:night/nights}.
            In {city} we've picked the {hotel}, for {nights:night/nights}.
            Please book the {hotel} in {city} for {nights:night/nights}.

            {nights:night/nights} at the {hotel}, {city}, will be needed as well.
            For the {nights:night/nights} in {city}, take the {hotel}.
            A room at the {hotel} in {city} is wanted for {nights:night/nights}.
            For {nights:night/nights} the bed is at the {hotel}, {city}.
        """,
        "no_hotel": """
            <No hotel is needed.>
            <They don't need a hotel, they'll stay with friends.>
            <There's no need for a hotel.>
            <They won't want a hotel.>

            <A hotel isn't necessary.>
            <No hotel this time.>
            <Leave out the hotel.>
            <There's no hotel to book.>
        """,
        "budget": """
            The budget is {amount}.
            It mustn't cost more than {amount}, that's the budget.
            There's a budget of {amount} for it.
            The budget for all of it is {amount}.

            We've set aside a budget of {amount}.
            Keep to the budget, which is {amount}.
            All in all, the budget is {amount}.
            We can spend {amount}, that's the budget.
        """,
        "no_budget": """
            <No budget has been set.>
            <There's no budget yet.>
            <Nobody's told me the budget.>
            <We don't have a budget for it so far.>

            <The budget hasn't been fixed.>
            <The budget is still being discussed.>
            <I haven't heard of any budget.>
            <A budget has yet to be set.>
        """,
        "approved_yes": """
            <The trip has been approved.>
            <It's approved.>
            <We have the approval.>
            <Approval came through.>

            <The boss has already approved it.>
            <It's been given the go-ahead.>
            <The approval is in.>
            <They said yes to it, it's approved.>
        """,
        "approved_no": """
            <The trip hasn't been approved yet.>
            <It isn't approved.>
            <Nobody has approved it so far.>
            <Approval is still missing.>

            <We still lack the approval.>
            <It hasn't been given the go-ahead.>
            <We're waiting for the approval.>
            <It's not approved so far.>
        """,
        "decoy": """
            {person} did the same tour {past}.
            {first} wanted to come along, but can't.
            Room {n} at the other place was dreadful.
            {person} from {company} will meet them there.

            A year ago the whole thing cost £{amount}0, if I remember rightly.
            The booking {ref} was for someone else.
            {person} booked something similar {past}.
            Please don't use {company} for the tickets.
        """,
    },
}
_HOTELS = ("Astoria", "Bellevue", "Crown Court", "Dolphin", "Europa", "Fairway Inn", "Grand Pier", "Heron", "Imperial")


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    record: dict[str, Any] = {
        "traveller": pools.person(),
        "cost_centre": pools.code("CC", 4),
        "legs": [],
        "hotel": None,
        "budget": None,
    }
    note.tell("open")
    note.tell("traveller", who=note.name("traveller", record["traveller"], pools.person(), "the traveller's name"))
    centre = note.name("cost_centre", record["cost_centre"], pools.code("CC", 4), "the cost centre")
    note.tell("cost_centre", code=centre)
    cities = [pools.city() for _ in range(draw.choice((2, 3, 3)))]
    stops = [*cities, cities[0]] if note.chance(0.6) else [*cities, pools.city()]
    record["legs"] = _tell_legs(note, stops)
    if note.chance(0.65):
        hotels = [hotel for index, hotel in enumerate(_HOTELS) if (index % 3 == 2) == (note.split == "test")]
        hotel, nights = draw.choice(hotels), draw.randint(1, 6)
        record["hotel"] = {"name": hotel, "city": stops[1], "nights": nights}
        note.tell(
            "hotel",
            hotel=note.text("hotel.name", hotel),
            city=note.text("hotel.city", stops[1]),
            nights=note.number("hotel.nights", nights, nights + 1, "the number of nights"),
        )
    else:
        note.tell_none("no_hotel", "hotel", 0.8)
    if note.chance(0.65):
        amount, currency = draw.randint(12, 70) * 50, draw.choice(("EUR", "GBP", "USD", "CHF"))
        record["budget"] = {"amount": amount, "currency": currency}
        said = note.money("budget.amount", amount, currency, "budget.currency", wrong=amount + 200, noun="the budget")
        note.tell("budget", amount=said)
    else:
        note.tell_none("no_budget", "budget", 0.8)
    if note.chance(0.7):
        record["approved"] = note.chance(0.5)
        note.tell_flag("approved", "approved", record["approved"])
    note.distract()
    return record


def _tell_legs(note: Note, stops: list[str]) -> list[dict[str, Any]]:
    legs: list[dict[str, Any]] = []
    low = 1
    for index, (start, goal) in enumerate(pairwise(stops)):
        day, clock, mode = note.day(low, low + 3), note.clock(6, 17), note.random.choice(_MODES)
        low = (day - note.today).days + 1
        at = f"legs[{index}]"
        note.tell(
            "next_leg" if index else "first_leg",
            group="legs",
            start=note.text(f"{at}.from", start),
            goal=note.text(f"{at}.to", goal),
            mode=note.text(f"{at}.mode", mode),
            day=note.date(f"{at}.date", day),
            clock=note.time(f"{at}.departure", clock, note.clock(18, 20)),
        )
        legs.append({"from": start, "to": goal, "mode": mode, "date": day.isoformat(), "departure": clock})
    return legs


SUBJECT = Subject(TEXTS, _tell)
