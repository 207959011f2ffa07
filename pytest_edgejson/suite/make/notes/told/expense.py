"""Expenses: what somebody paid, where and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

_CATEGORIES = ("travel", "meals", "lodging", "office", "training")

TEXTS: Texts = {
    "en": {
        "subject": """
            Expense claim
            Reimbursement
            Money back, please
            Claim

            Expenses
            One for the expense report
            Out of pocket
            To be refunded
        """,
        "open": """
            [I've got|I have] an expense to claim.
            Could you file this expense for me?
            I paid for something out of my own pocket.
            I'd like to get some money back.

            [Here's|Here comes] another one for the expense report.
            Please reimburse me for the following.
            I'm owed some money.
            There's something I paid for that the firm should cover.
        """,
        "paid": """
            I paid {amount} at {merchant}.
            {merchant} charged me {amount}.
            {amount} went to {merchant}.
            At {merchant} I had to pay {amount}.
            I left {amount} at {merchant}.
            {merchant} took {amount} off my card.

            It came to {amount} at {merchant}.
            The bill from {merchant} was {amount}.
            The payment to {merchant} was {amount}.
            The total at {merchant} was {amount}.
            I handed {amount} over to {merchant}.
        """,
        "date": """
            [That was|It was] {day}.
            I paid {day}.
            This happened {day}.
            For the date: I paid {day}.

            The payment was made {day}.
            My card was charged {day}.
            The bill is from the day I paid: it was {day}.
            I made the payment {day}.
        """,
        "cat_travel": """
            It was for <the train to a client>.
            That's <my taxi to the airport>.
            It's for <bus tickets to the branch office>.
            It covers <the ferry to the customer's plant>.

            I'd needed <a rental car for the site visit>.
            What it bought me was <a flight to our other office>.
            I got myself <a rail ticket to the trade fair>.
            The money went on <a cab to the station>.
        """,
        "cat_meals": """
            It was for <lunch with a client>.
            That's <dinner with the project team>.
            It's <the bill for coffee and cake with a supplier>.
            It covers <breakfast with two applicants>.

            I'd ordered <sandwiches for the workshop>.
            What it bought us was <a late pizza during the release>.
            I got us <a round of soup for the night shift>.
            The money went on <a business lunch>.
        """,
        "cat_lodging": """
            It was for <one night in a hotel>.
            That's <my room during the conference>.
            It's <the guest house near the customer's site>.
            It covers <two nights at an inn>.

            I'd needed <a bed for the night after missing the last train>.
            What it bought me was <a hotel room by the airport>.
            I got myself <a room for the night>.
            The money went on <a hostel in the city centre>.
        """,
        "cat_office": """
            It was for <printer paper and toner>.
            That's <a keyboard for my desk at work>.
            It's <the new whiteboard for our room>.
            It covers <a desk lamp and two cables for the office>.

            I'd needed <pens, folders and a stapler>.
            What it bought us was <envelopes and stamps>.
            I got us <a box of biros>.
            The money went on <ink for the office printer>.
        """,
        "cat_training": """
            It was for <an online course on data protection>.
            That's <the fee for the first-aid course>.
            It's <the exam fee for my certificate>.
            It covers <a textbook and the seminar that goes with it>.

            I'd signed up for <a welding class, as agreed>.
            What it bought me was <a place on a language course>.
            I got myself <a seat in a bookkeeping class>.
            The money went on <a workshop about presentations>.
        """,
        "receipt_yes": """
            <I've kept the receipt.>
            <The receipt is attached.>
            <I do have a receipt.>
            <The receipt's stapled to the form.>

            <You'll find the receipt in your tray.>
            <I scanned the receipt.>
            <I can show you the receipt.>
            <Of course I've got the receipt.>
        """,
        "receipt_no": """
            <I've lost the receipt, sorry.>
            <I didn't get a receipt.>
            <The receipt went through the wash, so there isn't one.>
            <Unfortunately I never got a receipt.>

            <There's no receipt, the machine was broken.>
            <No receipt this time.>
            <They wouldn't print a receipt.>
            <I'm afraid the receipt is gone.>
        """,
        "decoy": """
            Last month's claim was {amount}, and that one's settled.
            {person} has a claim of {amount} too, but will send it separately.
            The other bill, {amount} from {company}, was paid by {person}.
            At {company} they wanted more, so this was the better deal.

            The budget code stays {n}.
            {person} will sign it off.
            {first} paid {amount} for something similar, but never mind.
            My limit is {amount} a day, in case you ask.
        """,
    },
    "de": {
        "subject": """
            Auslage
            Spesen

            Erstattung
        """,
        "open": """
            Ich habe eine Auslage abzurechnen.
            Bitte erstatte mir eine Auslage.
            Ich habe etwas aus eigener Tasche bezahlt.

            Noch etwas für die Spesenabrechnung.
        """,
        "paid": """
            An die Firma {merchant} gingen {amount}.
            Die Firma {merchant} hat {amount} berechnet.
            Die Rechnung der Firma {merchant} belief sich auf {amount}.
            Ich musste der Firma {merchant} {amount} zahlen.

            {merchant} wollte {amount} von mir haben.
            Von der Firma {merchant} kam eine Rechnung über {amount}.
        """,
        "date": """
            Das war {day}.
            Bezahlt habe ich {day}.

            Abgebucht wurde es {day}.
        """,
        "cat_travel": """
            Es war <die Bahnfahrt zu einem Kunden>.
            Dabei ging es um <ein Taxi zum Flughafen>.

            Das Geld war für <einen Mietwagen für den Ortstermin>.
        """,
        "cat_meals": """
            Es war <ein Mittagessen mit einem Kunden>.
            Dabei ging es um <ein Abendessen mit dem Team>.

            Das Geld war für <belegte Brötchen für den Workshop>.
        """,
        "cat_lodging": """
            Es war <eine Nacht im Hotel>.
            Dabei ging es um <das Zimmer während der Messe>.

            Das Geld war für <eine Übernachtung in einer Pension>.
        """,
        "cat_office": """
            Es war <Druckerpapier mit Toner>.
            Dabei ging es um <eine Tastatur für das Büro>.

            Das Geld war für <Stifte und Ordner>.
        """,
        "cat_training": """
            Es war <die Gebühr für den Erste-Hilfe-Kurs>.
            Dabei ging es um <ein Seminar zum Datenschutz>.

            Das Geld war für <einen Sprachkurs>.
        """,
        "receipt_yes": """
            <Den Beleg habe ich.>
            <Der Beleg hängt an.>

            <Die Quittung liegt in deinem Fach.>
        """,
        "receipt_no": """
            <Den Beleg habe ich leider verloren.>
            <Eine Quittung habe ich nicht bekommen.>

            <Einen Beleg gibt es nicht.>
        """,
        "decoy": """
            Die Abrechnung vom letzten Monat über {amount} Euro ist schon erledigt.
            {person} reicht noch eigene Spesen ein.
            {person} zeichnet es ab.

            Das Budget von {amount} Euro reicht noch.
        """,
    },
    "es": {
        "subject": """
            Gasto
            Reembolso

            Nota de gastos
        """,
        "open": """
            Tengo un gasto para pasar.
            ¿Me reembolsas un gasto?
            He pagado una cosa de mi bolsillo.

            Otro más para la nota de gastos.
        """,
        "paid": """
            Pagué {amount} en {merchant}.
            {merchant} me cobró {amount}.
            La factura de {merchant} fue de {amount}.

            En {merchant} fueron {amount}.
        """,
        "date": """
            Fue {day}.
            Lo pagué {day}.

            Me lo cargaron {day}.
        """,
        "cat_travel": """
            Era <el tren para visitar a un cliente>.
            Se trata de <un taxi al aeropuerto>.

            Lo gasté en <un coche de alquiler para la visita>.
        """,
        "cat_meals": """
            Era <una comida con un cliente>.
            Se trata de <una cena con el equipo>.

            Lo gasté en <bocadillos para la reunión del equipo>.
        """,
        "cat_lodging": """
            Era <una noche de hotel>.
            Se trata de <la habitación durante la feria>.

            Lo gasté en <una noche en un hostal>.
        """,
        "cat_office": """
            Era <papel para la impresora>.
            Se trata de <un teclado para la oficina>.

            Lo gasté en <bolígrafos y carpetas>.
        """,
        "cat_training": """
            Era <la matrícula del curso de primeros auxilios>.
            Se trata de <un seminario de protección de datos>.

            Lo gasté en <un curso de idiomas>.
        """,
        "receipt_yes": """
            <Tengo el recibo.>
            <El recibo va adjunto.>

            <Te he dejado el recibo en la bandeja.>
        """,
        "receipt_no": """
            <He perdido el recibo.>
            <No me dieron recibo.>

            <Recibo no hay, lo siento.>
        """,
        "decoy": """
            El gasto del mes pasado, de {amount} euros, ya está pagado.
            {person} pasará sus gastos aparte.
            Lo firma {person}.

            El presupuesto de {amount} euros alcanza.
        """,
    },
}
_NOUNS = {"en": ("the amount", "the date"), "de": ("Betrag", "Datum"), "es": ("el importe", "la fecha")}


def _tell(note: Note) -> dict[str, Any]:
    merchant, day = note.pools.company(), note.day(-20, -1)
    amount = note.random.choice((note.random.randint(1000, 29999) / 100, note.random.randint(12, 480)))
    currency = note.random.choice(("EUR", "EUR", "GBP", "USD", "CHF"))
    amount_noun, date_noun = _NOUNS[note.language]
    record: dict[str, Any] = {"merchant": merchant, "amount": amount, "currency": currency, "date": day.isoformat()}
    note.tell("open")
    said = note.money(
        "amount", amount, currency, "currency", wrong=amount + note.random.randint(1, 9), noun=amount_noun
    )
    note.tell("paid", amount=said, merchant=note.text("merchant", merchant))
    note.tell("date", day=note.date("date", day, note.day(-40, -21), date_noun))
    record["category"] = note.random.choice(_CATEGORIES)
    note.tell(f"cat_{record['category']}", ("category", record["category"]))
    if note.chance(0.75):
        record["receipt"] = note.chance(0.5)
        note.tell_flag("receipt", "receipt", record["receipt"])
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
