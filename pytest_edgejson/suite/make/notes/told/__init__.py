"""What the suite `notes` tells: a module for each schema, with its records and its sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgejson.suite.make.notes.told import (
    appointment,
    bill,
    contact_card,
    expense,
    fault_report,
    hotel_stay,
    inspection,
    meter_reading,
    minutes,
    parcel,
    room_booking,
    shipment,
    supply_order,
    table_reservation,
    trip,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_edgejson.suite.make.notes.subject import Subject

SUBJECTS: Mapping[str, Subject] = {
    "appointment": appointment.SUBJECT,
    "contact_card": contact_card.SUBJECT,
    "expense": expense.SUBJECT,
    "meter_reading": meter_reading.SUBJECT,
    "parcel": parcel.SUBJECT,
    "room_booking": room_booking.SUBJECT,
    "bill": bill.SUBJECT,
    "fault_report": fault_report.SUBJECT,
    "hotel_stay": hotel_stay.SUBJECT,
    "minutes": minutes.SUBJECT,
    "supply_order": supply_order.SUBJECT,
    "table_reservation": table_reservation.SUBJECT,
    "inspection": inspection.SUBJECT,
    "shipment": shipment.SUBJECT,
    "trip": trip.SUBJECT,
}
