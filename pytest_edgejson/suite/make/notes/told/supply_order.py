"""Orders of supplies: who wants how many of what, and where to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

TEXTS: Texts = {
    "en": {
        "subject": """
            Order
            New order
            Supplies
            Purchase

            We need supplies
            An order from us
            Stock order
            Please order
        """,
        "open": """
            [I'd like|We'd like] to place an order.
            [Please take down|Could you note] an order.
            We're running low, so here's an order.
            New order, please.

            It's time to order again.
            Could you get something ordered for us?
            Our shelves are empty, so this is an order.
            I've got an order to pass on.
        """,
        "customer": """
            The customer is {customer}.
            It's for {customer}.
            The order comes from {customer}.
            Put it on the account of {customer}.

            We're ordering on behalf of {customer}.
            It should run under {customer}.
            You know the customer, it's {customer}.
            {customer} is ordering.
        """,
        "items": """
            What's needed is {items}.
            The list says {items}.
            We'd like {items}.
            We want {items}.

            Please send {items}.
            It's {items} this time.
            Put down {items}.
            What we're short of is {items}.
        """,
        "item": """
            {count} of the {product}
            {count:piece/pieces} of the {product}
            {count:box/boxes} of the {product}
            the {product} ({count:unit/units})

            the {product}, {count:piece/pieces}
            {count:unit/units} of the {product}
            {count} of the {product}
            {count:carton/cartons} of the {product}
        """,
        "not_item": """
            We've got enough of the {product}, so none of those.
            Leave out the {product} this time.
            I did think about the {product}, but we don't need it after all.
            The {product} can wait, leave it off the order.

            Please don't send any of the {product}.
            No {product}, thank you.
            The {product} is off the list.
            We can do without the {product}.
        """,
        "where": """
            Delivery is to {city}.
            It goes to our branch in {city}.
            The van should go to {city}.
            It needs to get to {city}.

            Please deliver to {city}.
            Ship it to {city}.
            {city} is where it has to go.
            Send everything to {city}.
        """,
        "not_where": """
            Not {other} this time, please deliver to {city}.
            We've left {other}, so it goes to {city}.
            It's for {city} rather than {other}.
            Please don't send it to {other} again, it belongs in {city}.

            Deliver to {city}. The {other} office is closed.
            The address in {other} is out of use; take {city}.
            I know it says {other} in your files, but send it to {city}.
            {other} is history, {city} is where it goes.
        """,
        "day": """
            We'd need it {day}.
            It should be here {day}.
            Can you deliver {day}?
            Please bring it {day}.

            Delivery would have to be {day}.
            We're expecting it {day}.
            They'll be waiting for it {day}.
            It's wanted {day}.
        """,
        "no_day": """
            <There's no fixed delivery date.>
            <Any day will do.>
            <We haven't got a date for the delivery.>
            <Deliver whenever it suits you.>

            <It doesn't matter when it comes.>
            <We don't mind which day.>
            <There's no date by which we need it.>
            <The delivery date is up to you.>
        """,
        "express_yes": """
            <Express delivery, please.>
            <We'd pay for express.>
            <It has to be express.>
            <Please use the express service.>

            <Send it express.>
            <Express shipping is what we want.>
            <It should travel by express.>
            <Do use express delivery.>
        """,
        "express_no": """
            <No need for express.>
            <Standard shipping will do, no express.>
            <We won't pay for express.>
            <Express isn't necessary.>

            <Don't send it express.>
            <It doesn't have to go express.>
            <Express would be a waste of money, so don't.>
            <The slow way is fine, not express.>
        """,
        "decoy": """
            The last order, {ref}, is still on its way.
            {person} has signed for it.
            Last time we ordered {n} and had to send half of them back.
            {company} ordered the same, by the way.

            If there's a question, {person} knows more.
            The budget of {amount} thousand isn't used up.
            {person} will unpack it.
            The complaint {ref} has been dealt with.
        """,
    },
    "de": {
        "subject": """
            Bestellung
            Neue Bestellung

            Nachschub
        """,
        "open": """
            Ich möchte etwas bestellen.
            Bitte nimm eine Bestellung auf.
            Hier kommt eine neue Bestellung.

            Wir brauchen Nachschub.
        """,
        "customer": """
            Die Bestellung kommt von der Firma {customer}.
            Kunde ist die Firma {customer}.

            Bestellt wird für die Firma {customer}.
        """,
        "items": """
            Gebraucht wird Folgendes: {items}.
            Auf der Liste steht: {items}.

            Bitte schick uns {items}.
        """,
        "item": """
            {count} Stück vom {product}
            {count} Mal {product}

            {count} Stück {product}
        """,
        "not_item": """
            Vom {product} haben wir noch genug, davon also nichts.
            {product} lassen wir diesmal weg.

            Bitte kein {product} mehr schicken.
        """,
        "where": """
            Geliefert wird nach {city}.
            Bitte nach {city} liefern.

            Die Ware soll nach {city}.
        """,
        "not_where": """
            Diesmal nicht nach {other}, sondern nach {city}.
            Bitte nach {city} liefern, das Büro in {other} ist zu.

            Es geht nach {city} und nicht mehr nach {other}.
        """,
        "day": """
            Wir brauchen es {day}.
            Geliefert werden sollte {day}.

            Kannst du {day} liefern?
        """,
        "no_day": """
            <Einen festen Liefertermin gibt es nicht.>
            <Der Liefertag ist uns egal.>

            <Wann es kommt, spielt keine Rolle.>
        """,
        "express_yes": """
            <Bitte per Express.>
            <Es soll als Expresslieferung kommen.>

            <Express muss sein.>
        """,
        "express_no": """
            <Express ist nicht nötig.>
            <Bitte nicht per Express.>

            <Normaler Versand reicht, kein Express.>
        """,
        "decoy": """
            Die letzte Bestellung, {ref}, ist noch unterwegs.
            Bei Fragen weiß {person} Bescheid.
            {company} hat übrigens das Gleiche bestellt.

            Letztes Mal hatten wir {n} bestellt, das war zu viel.
        """,
    },
    "es": {
        "subject": """
            Pedido
            Pedido nuevo

            Material
        """,
        "open": """
            Quiero hacer un pedido.
            Toma nota de un pedido, por favor.
            Va un pedido nuevo.

            Nos hace falta material.
        """,
        "customer": """
            El pedido es de {customer}.
            El cliente es {customer}.

            Lo pide {customer}.
        """,
        "items": """
            Hace falta lo siguiente: {items}.
            En la lista pone: {items}.

            Mándanos {items}.
        """,
        "item": """
            {count} unidades del {product}
            {count} del {product}

            {count} cajas del {product}
        """,
        "not_item": """
            Del {product} tenemos bastante, así que nada.
            El {product} esta vez no lo pongas.

            No mandes más del {product}.
        """,
        "where": """
            Se entrega en {city}.
            Mándalo a {city}, por favor.

            Tiene que llegar a {city}.
        """,
        "not_where": """
            Esta vez no va a {other}, sino a {city}.
            Mándalo a {city}, que la oficina de {other} está cerrada.

            Entrégalo en {city} y no en {other}.
        """,
        "day": """
            Lo necesitamos {day}.
            La entrega sería {day}.

            ¿Puedes entregarlo {day}?
        """,
        "no_day": """
            <No hay fecha fija de entrega.>
            <Nos da igual el día de la entrega.>

            <Puede llegar cualquier día.>
        """,
        "express_yes": """
            <Envío urgente, por favor.>
            <Que sea por mensajería urgente.>

            <Lo queremos con envío urgente.>
        """,
        "express_no": """
            <No hace falta envío urgente.>
            <Envío normal, nada de urgente.>

            <No lo mandes como urgente.>
        """,
        "decoy": """
            El último pedido, {ref}, todavía está en camino.
            Si hay dudas, pregunta a {person}.
            {company} ha pedido lo mismo, por cierto.

            La otra vez pedimos {n} y sobraron.
        """,
    },
}
_DAY_NOUN = {"en": "the delivery date", "de": "Liefertag", "es": "la fecha de entrega"}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    items: list[dict[str, Any]] = [
        {"product": pools.product(), "quantity": draw.randint(2, 30)} for _ in range(draw.choice((1, 2, 2, 3)))
    ]
    record: dict[str, Any] = {
        "customer": pools.company(),
        "items": items,
        "deliver_to": pools.city(),
        "deliver_on": None,
    }
    note.tell("open")
    note.tell("customer", customer=note.text("customer", record["customer"]))
    said = [
        note.sentence(
            "item",
            count=note.number(f"items[{index}].quantity", item["quantity"], item["quantity"] + draw.randint(1, 4)),
            product=note.text(f"items[{index}].product", item["product"]),
        )
        for index, item in enumerate(items)
    ]
    note.tell("items", group="items", items=note.listing(said))
    if note.chance(0.3):
        note.tags |= {"negation", "distractor"}
        unwanted = pools.product()
        note.tell("not_item", group="items", product=lambda _: [unwanted])
    city = note.text("deliver_to", record["deliver_to"])
    if note.chance(0.3):
        note.tags.add("distractor")
        other = pools.city()
        note.tell("not_where", city=city, other=lambda _: [other])
    else:
        note.tell("where", city=city)
    if note.chance(0.7):
        day = note.day(1, 14)
        record["deliver_on"] = day.isoformat()
        note.tell("day", day=note.date("deliver_on", day, note.day(15, 25), _DAY_NOUN[note.language]))
    else:
        note.tell_none("no_day", "deliver_on", 0.7)
    if note.chance(0.65):
        record["express"] = note.chance(0.5)
        note.tell_flag("express", "express", record["express"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
