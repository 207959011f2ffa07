"""Shipments: from whom to whom, in which packages, fetched when, insured for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_CONTENTS = ("books", "clothing", "electronics", "documents", "tools", "food")

TEXTS: Texts = {
    "en": {
        "subject": """
            Shipment
            Pick-up request
            Collection and delivery
            Goods to move

            Freight
            A consignment
            To be shipped
            Transport
        """,
        "open": """
            [I've got|We've got] a shipment to arrange.
            Could you organise a shipment for us?
            There's a consignment to be fetched.
            I need some goods moved.

            Please set up the following shipment.
            Here's everything for the next shipment.
            Something has to go by lorry.
            I'd like you to move a few things for us.
        """,
        "reference": """
            Our reference is {reference}.
            The reference is {reference}.
            It goes under the reference {reference}.
            Reference: {reference}.

            Please quote {reference}.
            File it under {reference}.
            In your system it's {reference}.
            We call it {reference}.
        """,
        "sender": """
            The sender is {name} in {city}.
            It's sent by {name}, {city}.
            It leaves from {name}, that's in {city}.
            The goods are at {name} in {city}, who send them off.

            {name} in {city} is sending it.
            It all starts at {name} in {city}.
            You pick it up at {name} in {city}, they're the sender.
            From: {name}, {city}.
        """,
        "recipient": """
            It goes to {name} in {city}.
            The recipient is {name}, {city}.
            It's meant for {name}, who are in {city}.
            Its destination is {name} in {city}.

            {name} in {city} will receive it.
            It ends up with {name} in {city}.
            The other end is {name} in {city}.
            Deliver to {name}, {city}.
        """,
        "count": """
            [In all, it's|It's|That makes] {count:package/packages}.
            You'll have to carry {count:package/packages}.
            We've packed {count:package/packages}.
            Expect {count:package/packages}.

            The shipment consists of {count:package/packages}.
            It's made up of {count:package/packages}.
            There are {count:package/packages} in total.
            I count {count:package/packages}.
        """,
        "package": """
            {id} holds {contents} and weighs {weight}.
            There's {id}, that's {contents}, {weight}.
            {id} has {contents} in it and comes to {weight}.
            In {id} there's {weight} of {contents}.

            {id} is {weight} of {contents}.
            {id} is full of {contents}, at {weight}.
            Then {id}: {contents}, {weight}.
            {id} weighs {weight} and contains {contents}.
            There's {weight} of {contents} in {id}.
        """,
        "fragile_yes": """
            <That one's fragile.>
            <Careful with it, it's fragile.>
            <It's got a fragile sticker on it, and rightly so.>
            <I've wrapped it twice because it's so fragile.>
            <That one is delicate, please treat it as fragile.>
            <Fragile, that one!>

            <Mark that one as fragile.>
            <It breaks easily.>
            <You have to be careful with that one.>
            <That's a fragile one.>
            <It's fragile, that.>
        """,
        "fragile_no": """
            <That one isn't fragile.>
            <Nothing fragile in it.>
            <It won't break.>
            <You needn't treat that one as fragile.>

            <No need to be careful with it, it isn't fragile.>
            <Not fragile, that one.>
            <That one can't break.>
            <No fragile label needed on it.>
        """,
        "pickup": """
            Please collect it {day} between {start} and {end}.
            Pick-up is {day}, from {start} to {end}.
            Your driver should come {day} between {start} and {end}.
            It's ready {day}, and the gate is open from {start} to {end}.

            They can hand it over {day}, any time from {start} until {end}.
            Come and fetch it {day}, after {start} but before {end}.
            Someone's there {day} between {start} and {end} to hand it over.
            You may load it {day}, from {start} to {end}.
        """,
        "insured": """
            It's insured for {amount}.
            Insurance should cover {amount}.
            We want it insured for {amount}.
            Take out insurance for {amount}.

            Please insure it for {amount}.
            The sum insured is {amount}.
            We'd like cover for {amount}.
            Should it get lost, the insurance must pay {amount}.
        """,
        "uninsured": """
            <We don't want any insurance.>
            <No insurance, please.>
            <Don't insure it.>
            <Insurance isn't necessary.>

            <It needn't be insured.>
            <It goes without insurance.>
            <You can skip the insurance.>
            <We'll take the risk, so no insurance.>
        """,
        "decoy": """
            {person} at the gate knows about it.
            The last shipment, {ref}, arrived {past}.
            {company} used to do this for us at £{amount} a trip.
            The lorry that went to {city} is another story.

            Please don't confuse it with {ref}.
            {person} will sign the papers.
            The pallet that {person} sent is lost.
            Bay {n} is closed.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    day, start = note.day(1, 14), note.clock(8, 12, 30)
    end = note.clock(13, 17, 30)
    record: dict[str, Any] = {
        "reference": pools.code(draw.choice(("SH", "CN", "FR")), 5),
        "sender": {"name": pools.company(), "city": pools.city()},
        "recipient": {"name": pools.company(), "city": pools.city()},
        "package_count": draw.choice((2, 2, 3, 4)),
        "packages": [],
        "pickup": {"date": day.isoformat(), "from": start, "until": end},
        "insurance": None,
    }
    note.tell("open")
    wrong = pools.code("SH", 5)
    note.tell("reference", reference=note.name("reference", record["reference"], wrong, "the reference"))
    for party in ("sender", "recipient"):
        there = record[party]
        name, city = note.text(f"{party}.name", there["name"]), note.name(f"{party}.city", there["city"], pools.city())
        note.tell(party, name=name, city=city)
    count = record["package_count"]
    note.tell("count", group="packages", count=note.number("package_count", count))
    record["packages"] = [_package(note, f"packages[{index}]") for index in range(count)]
    note.tell(
        "pickup",
        day=note.date("pickup.date", day, note.day(15, 20), "the day of the pick-up"),
        start=note.time("pickup.from", start),
        end=note.time("pickup.until", end),
    )
    if note.chance(0.6):
        amount, currency = draw.randint(3, 60) * 250, draw.choice(("EUR", "GBP", "USD", "CHF"))
        record["insurance"] = {"amount": amount, "currency": currency}
        said = note.money(
            "insurance.amount", amount, currency, "insurance.currency", wrong=amount + 500, noun="the sum"
        )
        note.tell("insured", amount=said)
    else:
        note.tell_none("uninsured", "insurance", 0.8)
    note.distract()
    return record


def _package(note: Note, path: str) -> dict[str, Any]:
    package: dict[str, Any] = {
        "id": note.pools.code("P", 3),
        "contents": note.random.choice(_CONTENTS),
        "weight_g": note.random.choice((note.random.randint(20, 95) * 10, note.random.randint(11, 300) * 100)),
    }
    weight = package["weight_g"]
    note.tell(
        "package",
        group="packages",
        id=note.text(f"{path}.id", package["id"]),
        contents=note.text(f"{path}.contents", package["contents"]),
        weight=note.grams(f"{path}.weight_g", weight, weight + 200),
    )
    if note.chance(0.5):
        package["fragile"] = note.chance(0.6)
        note.tell_flag("fragile", f"{path}.fragile", package["fragile"], "packages")
    return package


SUBJECT = Subject(TEXTS, _tell)
