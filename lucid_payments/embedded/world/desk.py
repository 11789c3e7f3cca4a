"""The compliance desk of the demo: applications in every state, brought there by the acts that lead there.

Nobody in it exists. `past` happens before the month of payouts, `Lately` day by day within it, `today` at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kyc.documents import storing
from kyc.models import DocumentKind, Finding, KycRecord, NodeOperator, OperatorStatus, Risk
from kyc.review import applying, deciding, enduring, marking, sweeping, taking
from lucid_payments import clock
from lucid_payments.accounts import staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Duty
from lucid_payments.embedded.world import specimens

FIRST, SECOND = "compliance_officer", "second_compliance_officer"
# Applicants beside the one operator for each state, so that the queues are worth looking at.
MORE: Final = ("overdue", "due_soon", "due_today", "fresh", "put_off", "escalated", "renewing")
# By the end of the operator's user name.
NAMES: Final = {
    "node_operator": ("Nora Demo-Knoten", "1985-03-12", "AT", "Wien"),
    "draft": ("Dario Entwurf", "1990-01-31", "IT", "Torino"),
    "submitted": ("Sigrid Eingereicht", "1979-11-02", "DE", "Kiel"),
    "in_review": ("Iwan Inarbeit", "1988-06-17", "BG", "Plovdiv"),
    "info_requested": ("Ilse Rückfrage", "1994-09-25", "DE", "Jena"),
    "pending_second_review": ("Pablo Segundo", "1972-12-08", "ES", "Cádiz"),
    "approved": ("Agnes Angenommen", "1981-04-04", "CH", "Chur"),
    "rejected": ("Remo Abgelehnt", "1999-08-19", "CH", "Thun"),
    "expiring": ("Emil Baldzuende", "1969-05-30", "NO", "Bergen"),
    "expired": ("Edda Abgelaufen", "1977-02-14", "IS", "Akureyri"),
    "suspended": ("Susi Ausgesetzt", "1986-10-10", "NL", "Breda"),
    "revoked": ("Rolf Widerrufen", "1963-07-07", "BE", "Gent"),
    "overdue": ("Olga Überfällig", "1992-02-29", "EE", "Tartu"),
    "due_soon": ("Dora Demnaechst", "1983-03-03", "FI", "Turku"),
    "due_today": ("Henk Vandaag", "1975-09-09", "NL", "Delft"),
    "fresh": ("Frida Frisch", "2000-01-01", "SE", "Lund"),
    "put_off": ("Viktor Vertagt", "1991-12-24", "CZ", "Brno"),
    "escalated": ("Eva Eskaliert", "1968-06-01", "FR", "Nancy"),
    "renewing": ("Rita Wiederholt", "1980-08-08", "PT", "Braga"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at the desk so many days ago."""

    days: float
    what: Callable[[], object]


def past() -> None:
    """What was decided before the month of payouts, each at its time. Ends with the clock running as it did."""
    for name, duty in ((FIRST, Duty.LEAD), (SECOND, Duty.RESPONSIBLE)):
        staff.change_duties(_person(name), duties=[duty], actor=None, evidence={})
    now = clock.now()
    for moment in sorted(_PAST, key=lambda moment: -moment.days):
        clock.freeze(now - timedelta(days=moment.days))
        moment.what()
    clock.shift(timedelta(0))


class Lately:
    """What happened within the last days of the month, told once each."""

    def __init__(self) -> None:
        self._left = sorted(_LATELY, key=lambda moment: -moment.days)

    def until(self, days_left: int) -> None:
        """All that had happened when so many days of the month were left, at the clock as it stands."""
        while self._left and self._left[0].days >= days_left:
            self._left.pop(0).what()


def today() -> None:
    """What the desk is at right now: leases run from here."""
    _taken("in_review")
    _mark("in_review", leave=3)
    sweeping.sweep()


def _decided(name: str, risk: Risk) -> KycRecord:
    """Handed in, looked through and approved, by two where the risk is high."""
    _apply(name)
    record = _mark(name)
    record = deciding.approve(record, actor=_person(FIRST), risk=risk, code="verified")
    if risk is not Risk.HIGH:
        return record
    taken = taking.claim(record, actor=_person(SECOND))
    return deciding.confirm(taken, actor=_person(SECOND), code="verified_with_care")


def _apply(name: str) -> KycRecord:
    return applying.submit(_draft(name), actor=_operator(name).user)


def _draft(name: str) -> KycRecord:
    full_name, born, country, city = NAMES[name]
    operator = _operator(name)
    declared = {
        "full_name": full_name,
        "birth_date": born,
        "nationality": country,
        "street": "Erfundene Gasse 7",
        "postcode": "0000",
        "city": city,
        "country": country,
        "document_type": "passport",
        "document_number": f"DEMO-{operator.pk:06}",
        "document_expires": f"{clock.now().year + 8}-12-31",
        "email": f"{name}@demo.invalid",
    }
    record = applying.begin(operator, declared, actor=operator.user)
    lines = [full_name, f"Born {born}", f"{country}, {city}", declared["document_number"]]
    passport = specimens.paper("PASSPORT", [*lines, f"Valid until {declared['document_expires']}"])
    bill = specimens.paper("ELECTRICITY BILL", [full_name, declared["street"], f"0000 {city}"])
    storing.add(record, DocumentKind.PASSPORT, passport, actor=operator.user)
    storing.add(record, DocumentKind.PROOF_OF_ADDRESS, bill, actor=operator.user)
    return record


def _taken(name: str) -> KycRecord:
    return taking.claim(_record(name), actor=_person(FIRST))


def _mark(name: str, *, leave: int = 0) -> KycRecord:
    """Found in order by the first officer, but for so many at the end."""
    record = _record(name)
    if record.owner_id is None:
        record = _taken(name)
    places = marking.places(record)
    for place in places[: len(places) - leave]:
        record = marking.mark(record, place, Finding.GOOD, actor=_person(FIRST))
    return record


def _suspend() -> None:
    enduring.suspend(_record("suspended"), actor=_person(FIRST), code="information_doubtful")


def _revoke() -> None:
    enduring.revoke(_record("revoked"), actor=_person(SECOND), code="operator_left")


def _reject() -> None:
    _apply("rejected")
    deciding.reject(_taken("rejected"), actor=_person(FIRST), code="identity_not_proven")


def _ask() -> None:
    _apply("info_requested")
    _mark("info_requested")
    for place, code in (("field:birth_date", "doesnt_match"), ("field:street", "incomplete")):
        record = marking.mark(_record("info_requested"), place, Finding.BAD, actor=_person(FIRST), code=code)
    deciding.ask(record, actor=_person(FIRST), text="Please compare with your passport.")


def _pass_to_second() -> None:
    _apply("pending_second_review")
    record = _mark("pending_second_review")
    deciding.approve(record, actor=_person(FIRST), risk=Risk.HIGH, code="verified_with_care")


def _put_off() -> None:
    _apply("put_off")
    taking.snooze(
        _taken("put_off"),
        actor=_person(FIRST),
        until=clock.now() + timedelta(days=6),
        reason="The registry answers next week.",
    )


def _escalate() -> None:
    _apply("escalated")
    taking.escalate(
        _taken("escalated"),
        actor=_person(FIRST),
        code="politically_exposed",
        reason="A former mayor, says the register.",
    )


def _record(name: str) -> KycRecord:
    return KycRecord.objects.filter(operator=_operator(name)).latest("number")


def _operator(name: str) -> NodeOperator:
    user = name if name == "node_operator" else f"operator_{name}"
    return NodeOperator.objects.select_related("user").get(user__username=user)


def _person(name: str) -> User:
    return User.objects.get(username=name)


_PAST: Final = (
    Moment(430, lambda: _decided("expired", Risk.HIGH)),
    Moment(710, lambda: _decided("renewing", Risk.MEDIUM)),
    Moment(350, lambda: _decided("expiring", Risk.HIGH)),
    Moment(300, lambda: _decided("revoked", Risk.MEDIUM)),
    Moment(200, lambda: _decided("suspended", Risk.LOW)),
    Moment(90, sweeping.sweep),
    Moment(75, _revoke),
    Moment(70, lambda: _decided("approved", Risk.MEDIUM)),
    Moment(65, lambda: _decided("node_operator", Risk.LOW)),
    Moment(60, sweeping.sweep),
    Moment(50, _reject),
    Moment(40, _suspend),
)
_LATELY: Final = (
    Moment(3, lambda: _apply("overdue")),
    Moment(2, _escalate),
    Moment(2, _put_off),
    Moment(1, lambda: _apply("due_soon")),
    Moment(1, lambda: _apply("due_today")),
    Moment(1, _pass_to_second),
    Moment(1, _ask),
    Moment(0, lambda: _draft("draft")),
    Moment(0, lambda: _apply("renewing")),
    Moment(0, lambda: _apply("submitted")),
    Moment(0, lambda: _apply("in_review")),
    Moment(0, lambda: _apply("fresh")),
)
# Every state has an operator of its own.
assert {*OperatorStatus.values, *MORE} <= set(NAMES)  # noqa: S101
