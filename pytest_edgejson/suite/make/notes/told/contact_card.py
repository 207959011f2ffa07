"""Contacts: how to reach somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.make.notes.subject import Subject

if TYPE_CHECKING:
    from pytest_edgejson.suite.make.notes.note import Note, Texts

TEXTS: Texts = {
    "en": {
        "subject": """
            New contact
            Contact details
            For your contacts
            A name for you

            Someone for the address book
            Address book
            Who to call
            Another contact
        """,
        "open": """
            Somebody new for the address book.
            [I promised you|You asked for] a contact [there|over there].
            One more for our contacts.
            [You'll want|You might want] to save this contact.

            I've got a new contact for you to save.
            New entry for the address list, please.
            You were looking for a contact, weren't you?
            I'm passing on a contact.
        """,
        "name": """
            [The name is|Her full name is] {name}.
            [The person to talk to|The one to ask] is {name}.
            We'll be dealing with {name}.
            It's all about {name} today.
            The new contact is {name}.
            Ask for {name}.

            I met {name} at the trade fair, and that's who we need.
            {name} is the person we've been looking for.
            Please save {name}.
            Please put {name} on the list.
            The name you want is {name}.
        """,
        "company": """
            The company is {company}.
            They're with {company}.
            The firm's called {company}.
            They've just joined {company}.

            They work at {company}.
            Employer: {company}.
            {company} is where they work.
            They've got a job at {company}.
        """,
        "left": """
            They're with {company} now, having left {other}.
            They used to be at {other} but work for {company} these days.
            They've moved from {other} to {company}.
            No longer {other}, it's {company} nowadays.

            It's {company}, not {other} any more.
            They switched from {other} to {company}.
            Their card still says {other}, but they're at {company} today.
            {other} let them go, and {company} took them on.
        """,
        "phone": """
            The best number is {phone}.
            You can ring them on {phone}.
            Call {phone} and you'll get straight through.
            Mobile number: {phone}.

            The direct line is {phone}.
            Their phone number is {phone}.
            Try {phone}, somebody always picks up.
            You get hold of them on {phone}.
        """,
        "old_phone": """
            Don't use {other}, that one's dead. It's {phone} now.
            The number on their card, {other}, is out of date; dial {phone}.
            Call {phone}. The old number, {other}, has been switched off.
            They've dropped {other} and answer {phone} only.

            {phone} is the right number, {other} was the old one.
            Try {phone}, and please delete {other}, it no longer works.
            I used to have {other}; the number that works is {phone}.
            Cross out {other} and write {phone} instead.
        """,
        "email": """
            Mail goes to {email}.
            The email address is {email}.
            Email works best: {email}.
            Write to {email} and expect an answer the same day.

            You can write to {email}.
            Their mail address: {email}.
            Send it to {email} and you'll be fine.
            For anything in writing there's {email}.
        """,
        "no_email": """
            <I don't have an email address for them.>
            <They don't do email at all.>
            <I couldn't find an email address anywhere.>
            <Email isn't an option, they haven't got an address.>

            <Sorry, no email address.>
            <They wouldn't give me an email address.>
            <There's no way to email them.>
            <They've never had an email account.>
        """,
        "city": """
            They're based in {city}.
            The office is in {city}.
            They work out of {city}.
            It's {city} where they're located.

            You'd find them in {city}.
            Location: {city}.
            They live and work in {city}.
            {city} is where they sit.
        """,
        "decoy": """
            {person} gave me the tip.
            If you can't get through, ask me; I'm on extension {n}.
            I was stuck in {city} all week, hence the delay.
            Please keep {person} out of this for now.

            {person} from {company} also said hello, but that's another story.
            By the way, {person} is on leave.
            {person} isn't the right person any more.
            I'll be in {city} tomorrow, call me if it's urgent.
        """,
    },
}


def _tell(note: Note) -> dict[str, Any]:
    pools = note.pools
    name, company, phone = pools.person(), pools.company(), pools.phone()
    record: dict[str, Any] = {"name": name, "company": company, "phone": phone, "email": None}
    note.tell("open")
    note.tell("name", name=note.text("name", name))
    said = note.text("company", company)
    if note.chance(0.3):
        note.tags.add("distractor")
        other = pools.company()
        note.tell("left", company=said, other=lambda _: [other])
    else:
        note.tell("company", company=said)
    said = note.text("phone", phone)
    if note.chance(0.35):
        note.tags.add("distractor")
        old = pools.phone()
        note.tell("old_phone", phone=said, other=lambda _: [old])
    else:
        note.tell("phone", phone=note.name("phone", phone, pools.phone(), "their number"))
    if note.chance(0.65):
        record["email"] = pools.email(name)
        note.tell("email", email=note.text("email", record["email"]))
    else:
        note.tell_none("no_email", "email", 0.7)
    if note.chance(0.55):
        record["city"] = pools.city()
        note.tell("city", city=note.name("city", record["city"], pools.city(), "the city"))
    note.distract()
    return record


SUBJECT = Subject(TEXTS, _tell)
