"""What all notes share: corrections, greetings, closings, fillers; a line each, in English, German and Spanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_edgejson.suite.readings import Language

AND: dict[Language, str] = {"en": " and ", "de": " und ", "es": " y "}

INLINE_CORRECTIONS: dict[Language, str] = {
    "en": """
        {old}, no, make that {new}
        {old} – sorry, {new}
        {old}, or rather {new}
        {old}, sorry, I mean {new}

        {old} – no wait, {new}
        {old} (scratch that, {new})
        {old}, no, hang on, {new}
        {old} – oh no, {new}
    """,
    "de": """
        {old}, nein, {new}
        {old} – Entschuldigung, {new}
        {old}, Moment, nein, {new}

        {old} – halt, {new}
    """,
    "es": """
        {old}, no, {new}
        {old}, perdón, {new}
        {old}, no, mejor dicho, {new}

        {old}; digo, {new}
    """,
}
LATER_CORRECTIONS: dict[Language, str] = {
    "en": """
        Sorry, I got {noun} wrong just now: [it's|it is] {new}, not {old}.
        Correction: I've just checked {noun}, and it's {new} instead of {old}.
        Ignore what I said about {noun}. It isn't {old}, it's {new}.
        One correction, about {noun}: {old} was wrong, {new} is right.

        Oh, and I need to correct {noun}: {new}, not {old}.
        Hang on, I have to take back {noun}: it's {new} and not {old}.
    """,
    "de": """
        Noch eine Korrektur ({noun}): {new}, nicht {old}.
        Moment, da habe ich mich vertan ({noun}): nicht {old}, sondern {new}.
        Ach, eins war falsch ({noun}): richtig ist {new}, nicht {old}.

        Ich muss mich korrigieren, {noun}: {new} statt {old}.
    """,
    "es": """
        Corrección sobre {noun}: {new}, no {old}.
        Perdona, me he equivocado con {noun}: es {new}, no {old}.
        Ojo con {noun}: al final es {new} y no {old}.

        Una cosa, {noun} no está bien: {new} en vez de {old}.
    """,
}
GREETINGS: dict[Language, str] = {
    "en": """
        Hi {first},
        Hello {first},
        Morning {first},
        Hi {first}, hi all,
        Hi there {first},
        Hey {first},

        Dear {first},
        Hello again {first},
        Good morning {first},
        Good afternoon {first},
        Hiya {first},
    """,
    "de": """
        Hallo {first}!
        Guten Morgen {first}!
        Hi {first}!
        Guten Tag {first}!

        Moin {first}!
        Servus {first}!
    """,
    "es": """
        Hola, {first}:
        Buenos días, {first}:
        Buenas, {first}:
        Buenas tardes, {first}:

        Hola de nuevo, {first}:
        ¡Hola, {first}!
    """,
}
SMALL_TALK: dict[Language, str] = {
    "en": """
        [Hope you're well.|I hope you had a good weekend.|Hope all's well with you.]
        Thanks for [getting back to me so quickly|your patience with this].
        [Quick one from me.|Just a quick one before I head out.]
        It was good to see you [the other day|last week].
        Bit of a rush today, so [I'll keep this short|just the facts].
        Sorry to bother you with this again.

        Sorry for the late reply, it's been one of those weeks.
        As discussed on the phone, here are the details.
        [Here's what I know so far.|Here's everything I've got.]
        I'm writing this on the train, so forgive any typos.
        Nice weather at last, isn't it?
        You asked me to put it in writing.
    """,
    "de": """
        Ich hoffe, es geht dir gut.
        Danke für die schnelle Antwort.
        Wie besprochen, hier alles Nötige.
        Sorry für die späte Rückmeldung.

        Nur kurz, ich muss gleich los.
        Hier kommt alles, was ich weiß.
    """,
    "es": """
        Espero que estés bien.
        Gracias por contestar tan rápido.
        Como hablamos por teléfono, van los datos.
        Perdona que conteste tarde.

        Te escribo deprisa porque salgo ya.
        Aquí va todo lo que sé.
    """,
}
CLOSINGS: dict[Language, str] = {
    "en": """
        Thanks a lot!
        [Let me know|Just shout] if anything's unclear.
        Thanks in advance for sorting this out.
        [Many thanks|Thank you] for your help.
        Speak soon!
        No need to reply if that's all fine.

        That's all for now.
        Could you confirm [when you get a minute|once it's done]?
        Give me a shout if there's a problem.
        Ta!
        Any questions, you know where I am.
        Sorry it's so long.
    """,
    "de": """
        Danke dir!
        Melde dich, wenn etwas unklar ist.
        Vielen Dank im Voraus!
        Kannst du das kurz bestätigen?

        Das war's schon.
        Sag Bescheid, falls etwas fehlt.
    """,
    "es": """
        ¡Muchas gracias!
        Si algo no queda claro, dime.
        Gracias de antemano.
        ¿Me lo confirmas cuando puedas?

        Eso es todo por ahora.
        Avísame si falta algo.
    """,
}
SIGN_OFFS: dict[Language, str] = {
    "en": """
        Best,
        Cheers,
        All the best,
        Best wishes,

        Kind regards,
        Many thanks,
        Yours,
        Take care,
    """,
    "de": """
        Viele Grüße
        Liebe Grüße
        Schöne Grüße
        Bis bald

        Beste Grüße
        Herzliche Grüße
    """,
    "es": """
        Un saludo,
        Saludos,
        Saludos cordiales,
        Hasta pronto,

        Un abrazo,
        Muchas gracias y un saludo,
    """,
}
FILLERS: dict[Language, str] = {
    "en": """
        Um, okay.
        Right.
        So, what else…
        Okay, next.
        Hmm, hang on.
        Right, moving on.

        Let me see.
        Uh, where was I?
        Yeah.
        Er, right.
        What else was there…
        Sorry, lost my thread.
        Okay then.
    """,
    "de": """
        Ähm, ja.
        So.
        Was noch…
        Genau.

        Moment.
        Ach so, ja.
    """,
    "es": """
        Eh, bueno.
        A ver.
        Qué más…
        Bueno, sigo.

        Vale.
        Pues eso.
    """,
}
DICTATION_STARTS: dict[Language, str] = {
    "en": """
        Voice memo, {today}.
        Okay, today is {today}.
        Note to self, {today}.
        Recording on {today}. Testing, testing. Okay.

        Dictation, {today}. Please type this up.
        Right, it's {today}, and this is for the file.
        Memo of {today}.
        Note for the secretary, {today}. Ready? Good.
    """,
    "de": """
        Sprachnotiz, {today}.
        So, heute ist {today}.
        Notiz für mich, {today}.

        Diktat, {today}. Bitte abtippen.
    """,
    "es": """
        Nota de voz, {today}.
        Vale, hoy es {today}.
        Grabación: hoy es {today}.

        Dictado, {today}. Por favor, pásalo a limpio.
    """,
}
VOICEMAIL_STARTS: dict[Language, str] = {
    "en": """
        Voicemail left on {today} at {time}: Hi {first}, it's {sender}.
        Message on the answering machine, {today}, {time}. Hello, this is {sender} calling for {first}.
        Transcript of a call to the mailbox, {today}, {time}: Good morning, {sender} speaking.
        Voicemail transcript, {today}. Hey {first}, {sender} again. Sorry I missed you.

        New voicemail ({today}, {time}): {first}, hi, {sender} here.
        Answerphone, {today}: Hello {first}, you've got {sender} here.
        Message for {first}, {today}, {time}: {sender} speaking, hello.
        Missed call, {today}, {time}. Hello, {first}? It's {sender}.
    """,
    "de": """
        Sprachnachricht, {today}, {time} Uhr: Hallo {first}, hier ist {sender}.
        Mailbox, {today}: Hallo, {sender} am Apparat, eine Nachricht für {first}.

        Anrufbeantworter, {today}, {time} Uhr: Ja, hallo {first}, {sender} hier.
    """,
    "es": """
        Mensaje de voz, {today}, {time}: Hola, {first}, soy {sender}.
        Buzón de voz, {today}: Buenas, habla {sender}, un mensaje para {first}.

        Contestador, {today}, {time}: Hola, {first}, aquí {sender}.
    """,
}
VOICEMAIL_ENDS: dict[Language, str] = {
    "en": """
        Okay, that's it. Bye!
        Thanks, bye.
        That's all, have a good one.
        Anyway, speak soon. Bye now.

        Right, talk soon, bye bye.
        Okay, cheers, bye.
        That's everything. Goodbye.
        Call me back if you like. Bye.
    """,
    "de": """
        Das war's, tschüs!
        Danke, bis dann.

        Gut, bis bald, ciao.
    """,
    "es": """
        Bueno, eso es todo. ¡Adiós!
        Gracias, hasta luego.

        Venga, hablamos. ¡Chao!
    """,
}
FORM_STARTS: dict[Language, str] = {
    "en": """
        Message through the website, {today}:
        Contact form, received {today} at {time}
        Left at the front desk on {today}:
        Fax, {today}

        Received on {today}, {time}
        Enquiry of {today}, {time}
        Web enquiry, {today}, {time}:
        Handwritten note, {today}
    """,
    "de": """
        Nachricht über die Website, {today}:
        Kontaktformular, {today}, {time} Uhr

        Am Empfang notiert, {today}:
    """,
    "es": """
        Mensaje a través de la web, {today}:
        Formulario de contacto, {today}, {time}

        Nota en recepción, {today}:
    """,
}
REACTIONS: dict[Language, str] = {
    "en": """
        ok
        👍
        go on
        sure
        mhm
        one sec… ok

        got it
        yep, noted
        fine
        okay
        will do
        right
    """,
    "de": """
        ok
        👍
        ja, weiter
        passt

        alles klar
        notiert
    """,
    "es": """
        vale
        👍
        perfecto
        apuntado

        ok, sigue
        dime
    """,
}
LABELS: dict[Language, dict[str, str]] = {
    "en": {"subject": "Subject", "sent": "Sent", "from": "From", "to": "To"},
    "de": {"subject": "Betreff", "sent": "Gesendet", "from": "Von", "to": "An"},
    "es": {"subject": "Asunto", "sent": "Enviado", "from": "De", "to": "Para"},
}
