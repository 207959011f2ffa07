"""Parcels: what is sent to whom, and how heavy it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

TEXTS: Texts = {
    "en": {
        "subject": """
            Parcel
            A parcel to send
            Post
            Something for the courier

            Delivery
            Shipping a box
            For the courier
            One parcel
        """,
        "open": """
            [There's|We've got] a parcel to [go out|send].
            I need you to look after a parcel.
            Please log this parcel.
            Here's a parcel that needs entering.

            One more parcel for the list.
            [I'm calling|This is] about a parcel.
            I've dropped off a parcel.
            A parcel is ready, and these are the details.
        """,
        "number": """
            The tracking number is {number}.
            The label says {number}.
            Tracking: {number}.
            It's got {number} on the sticker.

            You can follow it under {number}.
            It travels as {number}.
            The slip gives {number} as the tracking number.
            Look it up as {number}.
        """,
        "who": """
            It's going to {who}.
            It's for {who}.
            {who} is waiting for it.
            It's addressed to {who}.
            {who} should get it.
            Please make it out to {who}.

            The recipient is {who}.
            It has to reach {who}.
            The one to receive it is {who}.
            At the other end {who} will sign for it.
            Send it to {who}.
        """,
        "weight": """
            It weighs {weight}.
            The scales say {weight}.
            Weight: {weight}.
            It comes to {weight} with the packaging.

            I make it {weight}.
            It's {weight} all told.
            On the scales it's {weight}.
            It tips the scales at {weight}.
        """,
        "day": """
            It should arrive {day}.
            Delivery is {day}.
            It's to be delivered {day}.
            The courier will drop it off {day}.

            They expect it {day}.
            It'll be brought round {day}.
            It's promised for delivery; the day I was given is {day:bare}.
            They want to hand it over {day}.
        """,
        "fragile_yes": """
            <Careful, it's fragile.>
            <There's glass inside, so mark it as fragile.>
            <It's fragile, please put the sticker on.>
            <The contents are breakable.>

            <Handle it with care, it breaks easily.>
            <Don't drop it, it's full of china.>
            <Please be gentle, what's inside is fragile.>
            <It mustn't be dropped, it would break.>
        """,
        "fragile_no": """
            <It isn't fragile.>
            <Nothing fragile in it.>
            <It can take a knock, nothing in there can break.>
            <You can throw it down the stairs for all I care, it's only towels.>

            <There's no need for the fragile sticker, it's just books.>
            <Not fragile, only cushions.>
            <You needn't be careful, it isn't fragile.>
            <It's sturdy, nothing will break.>
        """,
        "no_day": """
            <They haven't told us a delivery date.>
            <There's no delivery day yet.>
            <The delivery date is still open.>
            <No idea which day it'll get there.>

            <I don't know when it'll arrive.>
            <We haven't got a day for the delivery.>
            <Nobody can say which day it'll be delivered.>
            <A day for the delivery hasn't been named.>
        """,
        "decoy": """
            The other parcel, {ref}, [went out|left] {past}.
            {person} got theirs already.
            {ref} is a different one, ignore it.
            The last one cost £{amount} to send.

            The limit at our shop is {n} kg, by the way.
            {person} packed it.
            Somebody asked about {ref}, but that's been delivered.
            {person} paid £{amount} for theirs.
        """,
    },
    "de": {
        "subject": """
            Paket
            Sendung

            Ein Paket für den Kurier
        """,
        "open": """
            Es geht um ein Paket.
            Hier ist noch ein Paket für die Liste.
            Ich habe ein Paket anzumelden.

            Bitte trag dieses Paket ein.
        """,
        "number": """
            Die Sendungsnummer lautet {number}.
            Auf dem Etikett steht {number}.

            Verfolgen kann man es unter {number}.
        """,
        "who": """
            Es geht an {who}.
            Empfangen soll es {who}.
            Adressiert ist es an {who}.

            Bestimmt ist es für {who}.
        """,
        "weight": """
            Es wiegt {weight}.
            Die Waage zeigt {weight}.

            Das Gewicht beträgt {weight}.
        """,
        "day": """
            Zugestellt wird es {day}.
            Es soll {day} ankommen.

            Geliefert wird {day}.
        """,
        "fragile_yes": """
            <Vorsicht, der Inhalt ist zerbrechlich.>
            <Es ist zerbrechlich, bitte den Aufkleber anbringen.>

            <Da ist Glas drin, also zerbrechlich.>
        """,
        "fragile_no": """
            <Zerbrechlich ist es nicht.>
            <Da kann nichts kaputtgehen, es sind nur Bücher.>

            <Es enthält nichts Zerbrechliches.>
        """,
        "no_day": """
            <Wann es zugestellt wird, ist noch offen.>
            <Einen Liefertag gibt es noch nicht.>

            <Das Lieferdatum kennen wir nicht.>
        """,
        "decoy": """
            Das andere Paket, {ref}, ist schon weg.
            {person} hat es gepackt.
            Das letzte kostete {amount} Euro Porto.

            {ref} ist eine andere Sendung.
        """,
    },
    "es": {
        "subject": """
            Paquete
            Envío

            Un paquete para el mensajero
        """,
        "open": """
            Hay un paquete que enviar.
            Apunta este paquete, por favor.
            Tengo otro paquete para la lista.

            Te paso los datos de un paquete.
        """,
        "number": """
            El número de seguimiento es {number}.
            En la etiqueta pone {number}.

            Se puede seguir con {number}.
        """,
        "who": """
            Es para {who}.
            Va dirigido a {who}.
            Lo está esperando {who}.

            Lo recibe {who}.
        """,
        "weight": """
            Pesa {weight}.
            La báscula marca {weight}.

            El peso es de {weight}.
        """,
        "day": """
            Tiene que llegar {day}.
            Se entrega {day}.

            Lo llevan {day}.
        """,
        "fragile_yes": """
            <Cuidado, es frágil.>
            <Lleva cristal, así que es frágil.>

            <El contenido es frágil, ponle la pegatina.>
        """,
        "fragile_no": """
            <No es frágil.>
            <No lleva nada frágil, solo libros.>

            <Frágil no es, son cojines.>
        """,
        "no_day": """
            <Todavía no sabemos qué día llega.>
            <Aún no hay fecha de entrega.>

            <La fecha de entrega está por decidir.>
        """,
        "decoy": """
            El otro paquete, {ref}, ya salió.
            Lo ha embalado {person}.
            Enviar el último costó {amount} euros.

            {ref} es otro envío.
        """,
    },
}
_NOUNS = {"en": ("the weight", "the delivery date"), "de": ("Gewicht", "Liefertag"), "es": ("el peso", "la fecha")}


def _tell(note: Note) -> dict[str, Any]:
    number = note.pools.code(note.random.choice(("PK", "TX", "LB")), 7)
    grams = note.random.choice((note.random.randint(20, 99) * 10, note.random.randint(10, 240) * 100))
    record: dict[str, Any] = {
        "tracking_number": number,
        "recipient": note.pools.person() if note.chance(0.7) else note.pools.company(),
        "weight_g": grams,
        "deliver_on": None,
    }
    weight_noun, day_noun = _NOUNS[note.language]
    note.tell("open")
    note.tell("number", number=note.text("tracking_number", number))
    note.tell("who", who=note.text("recipient", record["recipient"]))
    note.tell("weight", weight=note.grams("weight_g", grams, grams + note.random.choice((100, 200, 500)), weight_noun))
    if note.chance(0.75):
        day = note.day(1, 13)
        record["deliver_on"] = day.isoformat()
        note.tell("day", day=note.date("deliver_on", day, note.day(14, 25), day_noun))
    else:
        note.tell_none("no_day", "deliver_on", 0.7)
    if note.chance(0.7):
        record["fragile"] = note.chance(0.5)
        note.tell_flag("fragile", "fragile", record["fragile"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
