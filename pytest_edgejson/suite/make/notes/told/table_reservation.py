"""Tables: who dines when, how many they are, what they cannot eat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_ALLERGENS = ("nuts", "gluten", "milk", "eggs", "fish")

TEXTS: Texts = {
    "en": {
        "subject": """
            Table reservation
            A table for us
            Reservation
            Booking a table

            Dinner
            Table, please
            Dining with you
            Evening meal
        """,
        "open": """
            [I'd like|We'd like] to book a table.
            Have you got a table for us?
            I'm after a table.
            Could you keep a table for us?

            Can I reserve a table, please?
            A table reservation, please.
            We're hoping to eat at yours.
            I'm calling about a table.
        """,
        "name": """
            The name is {name}.
            It's under {name}.
            You can book it for {name}.
            Book it in the name of {name}.

            Please put it down as {name}.
            Make it out to {name}.
            It's {name} who's booking.
            Please note the name {name}.
        """,
        "when": """
            We'd come {day} at {clock}.
            {day} at {clock} would be perfect.
            We were thinking of {day}, at {clock}.
            How about {day} at {clock}? Yes, let's say that.

            It'd be {day} at {clock}.
            We'll arrive {day} at {clock}.
            We'd like to eat {day} at {clock}.
            Can you have us {day} at {clock}?
        """,
        "guests": """
            There'll be {adults:adult/adults} and {children:child/children}.
            We're {adults:adult/adults} and {children:child/children}.
            Expect {adults:adult/adults} with {children:child/children}.
            We come as {adults:adult/adults} and {children:kid/kids}.

            That's {adults:grown-up/grown-ups} plus {children:child/children}.
            It's {adults:grown-up/grown-ups} and {children:kid/kids}.
            Set it for {adults:adult/adults} and {children:child/children}.
            You'll have {adults:adult/adults} and {children:child/children} to feed.
        """,
        "adults": """
            There'll be {adults:adult/adults} and <no children>.
            We're {adults:adult/adults}, <without any children>.
            Just {adults:adult/adults}, <the children stay at home>.
            It's {adults:adult/adults} and <not a single child>.

            {adults:adult/adults} will come, and <no kids>.
            We come as {adults:adult/adults}, <none of us with children>.
            Set it for {adults:adult/adults}, <there are no children>.
            You'll have {adults:adult/adults} and <zero children> to feed.
        """,
        "out_yes": """
            <We'd love to sit outside.>
            <A table on the terrace, please.>
            <Please put us in the garden.>
            <We'd rather be outdoors.>

            <Outside, if you please.>
            <Somewhere in the open air, please.>
            <It's got to be a table outside.>
            <We want to eat in the garden.>
        """,
        "out_no": """
            <We don't want to sit outside.>
            <Inside, please.>
            <We'd rather stay indoors.>
            <It's too cold to sit outside, so indoors.>

            <Not on the terrace, please.>
            <Please not in the garden.>
            <We'll eat indoors.>
            <Don't seat us outside.>
        """,
        "allergies": """
            There are allergies to watch: {list}.
            One of us can't have {list}.
            We've got an allergy in the group: {list}.
            Somebody's allergic to {list}.

            Please keep the food free from {list}.
            We have to avoid {list}.
            Watch out, there's an allergy: {list}.
            No {list} on our plates, please, because of an allergy.
        """,
        "no_allergies": """
            <No allergies.>
            <Nobody has any allergies.>
            <There aren't any allergies to think of.>
            <None of us has an allergy.>

            <We eat everything, no allergies.>
            <No allergies, as far as I know.>
            <You don't have to worry about allergies.>
            <Allergies: none.>
        """,
        "phone": """
            You can reach me on {phone}.
            My number is {phone}.
            Phone: {phone}.
            Ring {phone} if there's a problem.

            In case something comes up: {phone}.
            The number for questions is {phone}.
            To reach me, dial {phone}.
            I'm on {phone}.
        """,
        "no_phone": """
            <I can't give you a phone number.>
            <I'd rather not leave my phone number.>
            <I haven't got a phone at the moment, so no number.>
            <I won't leave a number.>

            <There's no phone number, my mobile's broken.>
            <No phone number, sorry, I've just lost my phone.>
            <I've no phone.>
            <You can't reach me by phone.>
        """,
        "decoy": """
            Last time we were {n}, that won't happen again.
            {person} recommended you.
            {person} has booked separately, that isn't part of this.
            Please don't mix us up with the party of {person}.

            We had a table {past} as well and liked it a lot.
            {first} says the soup is wonderful.
            {person} wanted to come but is ill.
            At {company} they told us to try you.
        """,
    },
    "de": {
        "subject": """
            Tischreservierung
            Reservierung

            Ein Tisch für uns
        """,
        "open": """
            Ich möchte einen Tisch reservieren.
            Habt ihr einen Tisch für uns?
            Bitte reserviert uns einen Tisch.

            Wir hätten gern einen Tisch.
        """,
        "name": """
            Der Name ist {name}.
            Bitte auf {name} reservieren.

            Reserviert bitte auf den Namen {name}.
        """,
        "when": """
            Wir kommen {day} um {clock}.
            Passen würde es {day} um {clock}.
            Wir wären {day} um {clock} da.

            Es wäre {day} um {clock}.
        """,
        "guests": """
            Wir sind {adults} Erwachsene und {children} Kinder.
            Es kommen {adults} Erwachsene mit {children} Kindern.

            Das macht {adults} Erwachsene und {children} Kinder.
        """,
        "adults": """
            Wir sind {adults} Erwachsene, <Kinder sind keine dabei>.
            Es kommen {adults} Erwachsene <ohne Kinder>.

            Das macht {adults} Erwachsene und <kein einziges Kind>.
        """,
        "out_yes": """
            <Wir würden gern draußen sitzen.>
            <Bitte auf der Terrasse.>

            <Am liebsten im Freien.>
        """,
        "out_no": """
            <Bitte nicht draußen.>
            <Wir sitzen lieber drinnen.>

            <Auf keinen Fall auf der Terrasse, bitte drinnen.>
        """,
        "allergies": """
            Allergien gibt es auch: {list}.
            Jemand von uns verträgt Folgendes nicht: {list}.

            Bitte darauf achten, wir haben eine Allergie dabei: {list}.
        """,
        "no_allergies": """
            <Allergien hat niemand.>
            <Keine Allergien.>

            <Wir essen alles, Allergien gibt es keine.>
        """,
        "phone": """
            Meine Nummer ist {phone}.
            Erreichbar bin ich unter {phone}.

            Telefon: {phone}.
        """,
        "no_phone": """
            <Eine Telefonnummer kann ich leider nicht angeben.>
            <Ein Telefon habe ich zurzeit nicht.>

            <Meine Telefonnummer möchte ich nicht hinterlassen.>
        """,
        "decoy": """
            Letztes Mal waren wir {n}, so viele werden es nicht.
            {person} hat euch empfohlen.
            Die Suppe soll gut sein, sagt {first}.

            {person} hat selbst reserviert und gehört nicht zu uns.
        """,
    },
    "es": {
        "subject": """
            Reserva de mesa
            Reserva

            Una mesa para nosotros
        """,
        "open": """
            Quiero reservar una mesa.
            ¿Tenéis una mesa para nosotros?
            Reservadnos una mesa, por favor.

            Querríamos una mesa.
        """,
        "name": """
            La reserva va a nombre de {name}.
            Apúntalo como {name}.

            El nombre es {name}.
        """,
        "when": """
            Iríamos {day} a las {clock}.
            Sería {day} a las {clock}.
            Nos viene bien {day} a las {clock}.

            Llegaríamos {day} a las {clock}.
        """,
        "guests": """
            Somos {adults} adultos y {children} niños.
            Vamos {adults} adultos con {children} niños.

            En total, {adults} adultos y {children} niños.
        """,
        "adults": """
            Somos {adults} adultos y <ningún niño>.
            Vamos {adults} adultos, <sin niños>.

            En total, {adults} adultos; <los niños se quedan en casa>.
        """,
        "out_yes": """
            <Queremos sentarnos fuera.>
            <Mejor en la terraza.>

            <Al aire libre, por favor.>
        """,
        "out_no": """
            <Fuera no, por favor.>
            <Preferimos dentro.>

            <En la terraza no, mejor dentro.>
        """,
        "allergies": """
            Hay alergias: {list}.
            Uno de nosotros no puede tomar lo siguiente: {list}.

            Ojo, tenemos una alergia: {list}.
        """,
        "no_allergies": """
            <No hay alergias.>
            <Nadie tiene alergias.>

            <Comemos de todo, sin alergias.>
        """,
        "phone": """
            Mi teléfono es el {phone}.
            Podéis llamarme al {phone}.

            Teléfono: {phone}.
        """,
        "no_phone": """
            <No puedo dejar ningún teléfono.>
            <Ahora mismo no tengo teléfono.>

            <Prefiero no dar mi teléfono.>
        """,
        "decoy": """
            La última vez fuimos {n}, esta vez no.
            Nos lo recomendó {person}.
            Dice {first} que la sopa está muy buena.

            {person} ha reservado aparte y no viene con nosotros.
        """,
    },
}
_ALLERGEN_WORDS = {
    "en": dict(zip(_ALLERGENS, _ALLERGENS, strict=True)),
    "de": {"nuts": "Nüsse", "gluten": "Gluten", "milk": "Milch", "eggs": "Eier", "fish": "Fisch"},
    "es": {"nuts": "frutos secos", "gluten": "gluten", "milk": "leche", "eggs": "huevo", "fish": "pescado"},
}
_NOUNS = {"en": ("the day", "the time"), "de": ("Tag", "Uhrzeit"), "es": ("el día", "")}


def _tell(note: Note) -> dict[str, Any]:
    pools, draw = note.pools, note.random
    day, clock = note.day(1, 14), note.clock(18, 21)
    adults, children = draw.randint(2, 9), draw.choice((0, 2, 3, 4) if note.language != "en" else (0, 1, 2, 3))
    record: dict[str, Any] = {
        "name": pools.last_name() if note.chance(0.5) else pools.person(),
        "date": day.isoformat(),
        "time": clock,
        "guests": {"adults": adults, "children": children},
        "allergies": [],
        "phone": None,
    }
    day_noun, time_noun = _NOUNS[note.language]
    note.tell("open")
    note.tell("name", name=note.text("name", record["name"]))
    note.tell(
        "when",
        day=note.date("date", day, note.day(15, 25), day_noun),
        clock=note.time("time", clock, note.clock(12, 14), time_noun),
    )
    said = note.number("guests.adults", adults, adults + 2)
    if children:
        note.tell("guests", adults=said, children=note.number("guests.children", children, children + 2))
    else:
        note.tags.add("negation")
        note.tell("adults", ("guests.children", 0), adults=said)
    _tell_allergies(note, record)
    if note.chance(0.6):
        record["phone"] = pools.phone()
        note.tell("phone", phone=note.text("phone", record["phone"]))
    else:
        note.tell_none("no_phone", "phone", 0.5)
    if note.chance(0.6):
        record["outdoors"] = note.chance(0.5)
        note.tell_flag("out", "outdoors", record["outdoors"])
    note.distract()
    return record


def _tell_allergies(note: Note, record: dict[str, Any]) -> None:
    from pytest_edgejson.suite.make.notes.pieces import Stated

    chosen = note.random.sample(_ALLERGENS, note.random.choice((0, 1, 2)))
    record["allergies"] = chosen
    if chosen:
        words = _ALLERGEN_WORDS[note.language]
        said = [[Stated(words[each], f"allergies[{index}]", each, "meaning")] for index, each in enumerate(chosen)]
        note.tell("allergies", list=note.listing(said))
    elif note.chance(0.6):
        note.tell("no_allergies", ("allergies", []))
    else:
        note.silent["allergies"] = []


SUBJECT = Subject(TEXTS, _tell)
