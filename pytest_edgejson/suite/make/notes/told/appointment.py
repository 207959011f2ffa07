"""Appointments: who comes when, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

TEXTS: Texts = {
    "en": {
        "subject": """
            Appointment
            New appointment
            Diary
            Slot wanted

            Booking in the diary
            Appointment request
            Please book
            One for the calendar
        """,
        "open": """
            [I need to get|Could you put] an appointment [into|in] the diary.
            There's a new appointment to enter.
            Another one for the diary.
            Someone [rang|called] about an appointment.

            [Please|Could you] add an appointment to the book.
            Can we fit one more in? Here are the details.
            We've agreed on an appointment.
            I've just taken a call about an appointment.
        """,
        "who": """
            The appointment is for {client}.
            [It's|It is] {client} who's coming in.
            The client is {client}.
            The name's {client}.
            Book it in the name of {client}.
            {client} will be coming in.

            Please put it under {client}.
            {client} is the one who wants to come in.
            We're expecting {client}.
            {client} wants to see us.
            You can pencil in {client}.
        """,
        "when": """
            [It should be|We agreed on something] {day} at {clock}.
            {day} at {clock} would [work|be fine].
            They can make it {day}, at {clock}.
            At {clock} {day} the chair is free, so that's the slot.

            The slot is {day} at {clock}.
            I promised a start at {clock} {day}.
            We agreed to meet {day} at {clock} sharp.
            They'll turn up {day} at {clock}.
        """,
        "long": """
            [It'll|It will] take about {long}.
            Please block {long} for it.
            We need {long} for this one.
            Count on {long}, it's never quicker than that.

            Allow {long}.
            It's down for {long}.
            Set aside {long}.
            They'll be with us for {long}.
        """,
        "phone": """
            [If anything changes|If we run late], ring {phone}.
            The number to call is {phone}.
            Phone: {phone}.
            The callback number is {phone}.

            [They can be reached|They're reachable] on {phone}.
            You can text {phone} with a reminder.
            Should you need to call them, it's {phone}.
            I wrote down {phone} as their number.
        """,
        "no_phone": """
            <I don't have a phone number for them.>
            <They didn't leave a number.>
            <There's no number on file.>
            <I forgot to ask for a phone number.>

            <No phone number, they don't want to be called.>
            <We've got no way of ringing them, as they gave no number.>
            <They're not on the phone.>
            <I've no number to give you.>
        """,
        "first_yes": """
            <It's their first visit.>
            <They've never been here before.>
            <They haven't been to us yet.>
            <We don't know them yet, it's the first time.>

            <This is a new client.>
            <First time here, by the way.>
            <They've not set foot in here yet.>
            <They are new to us.>
        """,
        "first_no": """
            <They've been here before.>
            <It isn't their first visit.>
            <This is not a new client.>
            <They were here a few months ago, so we know them.>

            <They're a regular.>
            <No newcomer, they come every spring.>
            <They know their way around, they've been in before.>
            <It's by no means the first time.>
        """,
        "decoy": """
            {person}'s appointment stays as it is, by the way.
            The old system still shows a booking {past}, which you can ignore.
            {person} cancelled, so that slot went to somebody else.
            For the other matter, {person} from {company} will get in touch.

            If the line's busy, my extension is {n}.
            {first} moved to the other branch, just so you know.
            {person} has moved house, but that's not for today.
            The price list from {past} isn't valid any more.
        """,
    },
    "de": {
        "subject": """
            Termin
            Neuer Termin

            Terminwunsch
        """,
        "open": """
            Bitte trag einen neuen Termin ein.
            Es gibt noch einen Termin für den Kalender.
            Ich habe noch einen Termin vereinbart.

            Kannst du einen Termin eintragen?
        """,
        "who": """
            Der Termin ist für {client}.
            Es geht um {client}.
            {client} hat angerufen und möchte kommen.
            Der Name ist {client}.

            Bitte auf den Namen {client} eintragen.
            Kommen wird {client}.
        """,
        "when": """
            Vereinbart ist er {day} um {clock}.
            Es passt {day} um {clock}.
            Wir haben uns geeinigt: {day} um {clock}.

            Los geht es {day} um {clock}.
        """,
        "long": """
            Es dauert {long}.
            Bitte {long} einplanen.

            Dafür brauchen wir {long}.
        """,
        "phone": """
            Die Nummer für Rückfragen ist {phone}.
            Zu erreichen unter {phone}.

            Telefon: {phone}.
        """,
        "no_phone": """
            <Eine Telefonnummer habe ich leider nicht.>
            <Telefonnummer gibt es keine.>

            <Eine Nummer wurde nicht hinterlassen.>
        """,
        "first_yes": """
            <Es ist der erste Besuch bei uns.>
            <Zum ersten Mal bei uns übrigens.>

            <Bisher noch nie hier gewesen.>
        """,
        "first_no": """
            <Es ist nicht der erste Besuch.>
            <Schon öfter hier gewesen.>

            <Kein Neuling, wir kennen uns seit Jahren.>
        """,
        "decoy": """
            Der Termin von {person} bleibt übrigens, wie er ist.
            {person} hat abgesagt.
            Meine Durchwahl ist jetzt die {n}.

            Wegen der anderen Sache meldet sich {person}.
        """,
    },
    "es": {
        "subject": """
            Cita
            Nueva cita

            Solicitud de cita
        """,
        "open": """
            Hay que apuntar una cita nueva.
            ¿Puedes anotar una cita en la agenda?
            Apunta una cita, por favor.

            Tengo otra cita para la agenda.
        """,
        "who": """
            La cita es para {client}.
            Ponla a nombre de {client}.
            Quien viene es {client}.
            Ha llamado {client} para pedirla.

            El nombre es {client}.
            Esperamos a {client}.
        """,
        "when": """
            Hemos quedado {day} a las {clock}.
            Sería {day} a las {clock}.
            Le he dicho que {day} a las {clock}.

            Puede venir {day} a las {clock}.
        """,
        "long": """
            Durará {long}.
            Reserva {long}, por favor.

            Calcula {long}.
        """,
        "phone": """
            El teléfono es el {phone}.
            Si hay cambios, llama al {phone}.

            Su número es el {phone}.
        """,
        "no_phone": """
            <No tengo su teléfono.>
            <No ha dejado ningún número.>

            <Teléfono no hay.>
        """,
        "first_yes": """
            <Es su primera visita.>
            <Nunca ha venido antes.>

            <Viene por primera vez.>
        """,
        "first_no": """
            <No es su primera visita.>
            <Ya ha venido otras veces.>

            <Viene a menudo, no es la primera vez.>
        """,
        "decoy": """
            La cita de {person} no cambia.
            {person} ha anulado la suya.
            Mi extensión ahora es la {n}.

            Del otro tema se encarga {person}.
        """,
    },
}
_NOUNS = {"en": ("the day", "the start time"), "de": ("Tag", "Uhrzeit"), "es": ("el día", "")}


def _tell(note: Note) -> dict[str, Any]:
    client, day, clock = note.pools.person(), note.day(1, 20), note.clock(9, 17)
    nouns = _NOUNS[note.language]
    note.tell("open")
    record: dict[str, Any] = {"client": client, "date": day.isoformat(), "time": clock, "phone": None}
    note.tell("who", client=note.text("client", client))
    note.tell(
        "when",
        day=note.date("date", day, note.day(21, 40), nouns[0]),
        clock=note.time("time", clock, note.clock(18, 19), nouns[1]),
    )
    if note.chance(0.65):
        record["phone"] = note.pools.phone()
        note.tell("phone", phone=note.text("phone", record["phone"]))
    else:
        note.tell_none("no_phone", "phone", 0.7)
    if note.chance(0.6):
        record["duration_minutes"] = note.random.choice((30, 45, 60, 90, 120, 40, 20))
        note.tell("long", long=note.minutes("duration_minutes", record["duration_minutes"]))
    if note.chance(0.6):
        record["first_visit"] = note.chance(0.5)
        note.tell_flag("first", "first_visit", record["first_visit"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
