"""Bills: what a customer is charged, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

TEXTS: Texts = {
    "en": {
        "subject": """
            Bill to write
            Invoice
            Billing
            Invoice data

            Please bill this
            To be invoiced
            Bill details
            Accounts
        """,
        "open": """
            [Could you|Please] write a bill for me.
            [Here's|These are] the figures for a bill.
            I've got the details of an invoice for you.
            We need to get this invoice into the books.

            There's a bill to be recorded.
            Please enter the following bill.
            I'm sending you what you need for a bill.
            There's an invoice to be typed up.
        """,
        "number": """
            It's number {number}.
            The number on it is {number}.
            The invoice number is {number}.
            Book it as {number}.

            It runs under {number}.
            {number} is its number.
            Its number is {number}.
            Please number it {number}.
        """,
        "customer": """
            The customer is {customer}.
            It goes to {customer}.
            It's made out to {customer}.
            {customer} will be paying.

            {customer} gets it.
            Send it to {customer}.
            {customer} is being billed.
            We're billing {customer}.
        """,
        "issued": """
            It's dated {day:bare}.
            We issued it {day}.
            The bill was written {day}.
            It was issued {day}.

            It went out {day}.
            It left the house {day}.
            It was drawn up {day}.
            We sent it off {day}, the same day it was written.
        """,
        "due": """
            Payment is due {day}.
            They have to pay by the due date, which falls {day}.
            It's due {day}.
            It falls due {day}.

            The money should be here {day}, that's when it's due.
            The deadline for paying is {day:bare}.
            They've agreed to pay by {day:bare}, when it's due.
            The due date is {day:bare}.
        """,
        "lines": """
            On it [are|we have] {lines}.
            We're charging for {lines}.
            It covers {lines}.
            It lists {lines}.

            They bought {lines}.
            The lines are {lines}.
            Their purchase was {lines}.
            What we sold them is {lines}.
        """,
        "line": """
            {count:piece/pieces} of the {product} at {price} each
            {count:piece/pieces} of the {product} for {price} apiece
            the {product}, {count:piece/pieces} at {price} each
            the {product} ({count:unit/units}, {price} apiece)

            {count:unit/units} of the {product}, {price} each
            {count:item/items} of the {product} costing {price} each
            {count} of the {product} at {price} apiece
            the {product}, {count} in number, at {price} each
        """,
        "vat": """
            VAT is {vat} per cent.
            Add {vat} % VAT.
            {vat} % VAT applies.
            Value added tax is at {vat} per cent.

            The VAT rate is {vat} per cent.
            The tax rate's {vat} % here.
            Put VAT at {vat} %.
            The rate of VAT is {vat} %.
        """,
        "no_vat": """
            <There's no VAT on it.>
            <No VAT, they're abroad.>
            <VAT doesn't apply.>
            <We don't charge VAT here.>

            <It's exempt from VAT.>
            <Leave VAT out altogether, none applies.>
            <We're not charging any VAT.>
            <It's free of VAT.>
        """,
        "paid_yes": """
            <They've paid already.>
            <The money's in.>
            <They settled it straight away.>
            <It's paid.>

            <It's been paid in full.>
            <We've had the money.>
            <The bill has been paid.>
            <They've transferred everything already.>
        """,
        "paid_no": """
            <They haven't paid yet.>
            <It's still unpaid.>
            <Nothing has come in so far.>
            <It hasn't been settled.>

            <We're still waiting for the money.>
            <It's open, they still owe us all of it.>
            <So far they haven't paid a penny.>
            <We haven't seen any money yet.>
        """,
        "decoy": """
            The one before, {ref}, was cancelled.
            Their old discount of {n} per cent no longer counts.
            {company} got a bill as well, but that's {first}'s job.
            A year ago we'd have asked {amount} for the same thing.

            {person} in accounts has seen it.
            Their order {ref} was about something else.
            The quote {ref} was for less, but it lapsed.
            {person} wants a copy of everything.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    issued, due = note.day(-8, -1), note.day(8, 20)
    currency = draw.choice(("EUR", "GBP", "USD", "CHF"))
    record: dict[str, Any] = {
        "invoice_number": pools.code(draw.choice(("INV", "BL", "RE")), 5),
        "customer": pools.company(),
        "issued_on": issued.isoformat(),
        "due_on": due.isoformat(),
        "currency": currency,
        "lines": [
            {"product": pools.product(), "quantity": draw.randint(2, 24), "unit_price": _price(note)}
            for _ in range(draw.choice((1, 2, 2, 3)))
        ],
        "vat_percent": None,
    }
    note.tell("open")
    note.tell(
        "number", number=note.name("invoice_number", record["invoice_number"], pools.code("INV", 5), "the number")
    )
    note.tell("customer", customer=note.text("customer", record["customer"]))
    note.tell("issued", day=note.date("issued_on", issued, note.day(-20, -9), "the date of issue"))
    note.tell("due", day=note.date("due_on", due, note.day(21, 35), "the due date"))
    lines = [
        note.sentence(
            "line",
            count=note.number(f"lines[{index}].quantity", line["quantity"], line["quantity"] + 1),
            product=note.text(f"lines[{index}].product", line["product"]),
            price=note.money(f"lines[{index}].unit_price", line["unit_price"], currency, "currency"),
        )
        for index, line in enumerate(record["lines"])
    ]
    note.tell("lines", lines=note.listing(lines))
    if note.chance(0.7):
        record["vat_percent"] = draw.choice((5, 7, 10, 19, 20, 21))
        note.tell("vat", vat=note.quantity("vat_percent", record["vat_percent"], 16, "the VAT rate"))
    else:
        note.tell_none("no_vat", "vat_percent")
    if note.chance(0.7):
        record["paid"] = note.chance(0.5)
        note.tell_flag("paid", "paid", record["paid"])
    note.distract()
    return record


def _price(note: Note) -> float:
    return note.random.choice((note.random.randint(4, 90), note.random.randint(300, 9000) / 100))


SUBJECT = Subject(TEXTS, _tell)
