"""What three people find in the morning: twelve cases at the desk, thirty requests for approvers. Nobody exists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from kyc.documents import storing
from kyc.models import DocumentKind, Finding, KycRecord, Node, Risk
from kyc.review import applying, contents, deciding, marking, taking
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.models import ApprovalRequest, Payout
from payouts.order import PayoutOrder
from tests.browser import papers
from tests.kyc import desk
from tests.kyc.screening.lists import tron
from tests.payouts.admin import world
from tests.policies import V0, set_rule

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
# The same first and last four characters.
LOOK_ALIKE = "TT6hXYZwvuTSRQPonmLKJihgFEDcbaCqJ9"


@dataclass(frozen=True)
class Cases:
    """The morning's twelve, by what becomes of each; `take next` brings the first ten in this order, nine of them."""

    approved: KycRecord
    asked: KycRecord
    rejected: KycRecord
    high: KycRecord
    confirmed: KycRecord
    put_off: KycRecord
    escalated: KycRecord
    answered: KycRecord
    sent_back: KycRecord
    given_back: KycRecord
    taken_over: KycRecord
    suspended: KycRecord

    @property
    def every(self) -> list[KycRecord]:
        return [getattr(self, name) for name in self.__dataclass_fields__]


# Whoever met one of these in a log would know that they are invented; each is looked for in titles and addresses.
NAMES = (
    "Amsel Beispiel", "Drossel Muster", "Elster Exempel", "Fink Probefall", "Grille Platzhalter",
    "Habicht Nimmerda", "Ibis Erfunden", "Kranich Ohneland", "Lerche Ausgedacht", "Meise Undsoweiter",
    "Star Niemand", "Zeisig Anonym",
)  # fmt: skip


def users() -> dict[str, User]:
    roles = ("admin", "service", "node_operator", "compliance_officer", "payout_approver", "auditor")
    return {role: world.user(role) for role in roles}


def cases() -> Cases:
    """Due one after the other: the first should have been decided yesterday."""
    first, colleague = desk.officer("first-reviewer"), desk.officer("colleague")
    names = iter(NAMES)
    made = Cases(
        approved=handed_in(next(names)),
        asked=handed_in(next(names)),
        rejected=handed_in(next(names)),
        high=_with_a_lapsed_lease(handed_in(next(names)), colleague),
        confirmed=_second_approval(handed_in(next(names)), first),
        put_off=handed_in(next(names)),
        escalated=handed_in(next(names)),
        answered=_answered(handed_in(next(names)), colleague),
        sent_back=_second_approval(handed_in(next(names)), first),
        given_back=handed_in(next(names)),
        taken_over=taking.claim(handed_in(next(names)), actor=colleague),
        suspended=deciding.approve(
            _marked(handed_in(next(names)), first), actor=first, risk=Risk.LOW, code="verified"
        ),
    )
    now = clock.now()
    for number, record in enumerate(made.every[:-1]):
        KycRecord.objects.filter(pk=record.pk).update(due_at=now + timedelta(hours=5 * number - 26))
    Node.objects.create(node_id="node-amsel-1", operator=made.approved.operator)
    return made


def handed_in(name: str) -> KycRecord:
    """An application with two documents."""
    word = name.partition(" ")[0]
    record = desk.draft(
        full_name=name, document_number=f"P-{word.upper()}-INVENTED", email=f"{word.lower()}@example.invalid"
    )
    applicant = record.operator.user
    storing.add(record, DocumentKind.PASSPORT, papers.passport(name), actor=applicant)
    storing.add(record, DocumentKind.PROOF_OF_ADDRESS, papers.bill(name), actor=applicant)
    return desk.hand_in(record)


def _marked(record: KycRecord, by: User) -> KycRecord:
    record = taking.claim(record, actor=by)
    for place in marking.places(record):
        record = marking.mark(record, place, Finding.GOOD, actor=by)
    return record


def _with_a_lapsed_lease(record: KycRecord, by: User) -> KycRecord:
    """All marked by a colleague, who then went to lunch."""
    record = _marked(record, by)
    KycRecord.objects.filter(pk=record.pk).update(lease_until=clock.now() - timedelta(minutes=5))
    return record


def _second_approval(record: KycRecord, first: User) -> KycRecord:
    return deciding.approve(_marked(record, first), actor=first, risk=Risk.HIGH, code="verified_with_care")


def _answered(record: KycRecord, by: User) -> KycRecord:
    """All in order but the town, which was asked about, and put right."""
    record = _marked(record, by)
    marking.mark(record, "field:city", Finding.BAD, actor=by, code="doesnt_match")
    record = deciding.ask(record, actor=by)
    fields = {**contents.opened(record).fields, "city": "Linz"}
    applying.edit(record, fields, actor=record.operator.user)
    return applying.answer(record, actor=record.operator.user)


@dataclass(frozen=True)
class Queue:
    """Thirty requests that wait; `small` need one approval each, of at most 100 USDT."""

    single: ApprovalRequest
    rejected: ApprovalRequest
    look_alike: ApprovalRequest
    changes: ApprovalRequest
    batch: ApprovalRequest
    small: list[ApprovalRequest]


def requests(of: dict[str, User]) -> Queue:
    admin, service, operator = of["admin"], of["service"], of["node_operator"]
    for address in (LOOK_ALIKE, tron("known")):
        Payout.objects.create(
            creator=service, recipient_address=address, amount=USDT, reason="relay work of May", status="confirmed",
            router_type=V0,
        )  # fmt: skip
    order = PayoutOrder(recipient_address=tron("known"), amount=USDT, reason="relay work of June")
    single = _pay(admin, replace(order, amount=150 * USDT))
    rejected = _pay(admin, replace(order, amount=170 * USDT, recipient_address=tron("invoice")))
    look_alike = _pay(admin, replace(order, amount=80 * USDT, recipient_address=RECIPIENT))
    batch = PayoutManager.create_batch(
        creator=operator,
        orders=[replace(order, amount=120 * USDT, recipient_address=tron(f"exit {n}")) for n in range(3)],
        router_type=None,
    )
    small = [
        _pay(admin, replace(order, amount=(11 + 2 * n) * USDT, recipient_address=tron(f"relay {n % 9}")))
        for n in range(25)
    ]
    set_rule(
        "service", payout_above=100 * USDT, batch_above=150 * USDT, day_above=150 * USDT, two_above=180 * USDT
    )
    changes = _pay(service, replace(order, amount=190 * USDT, recipient_address=tron("guard")))
    assert changes.needed == 2
    return Queue(single, rejected, look_alike, changes, ApprovalRequest.objects.get(batch=batch), small)


def _pay(creator: User, order: PayoutOrder) -> ApprovalRequest:
    payout = PayoutManager.create(creator=creator, order=order)
    assert payout.approval is not None
    return ApprovalRequest.objects.get(pk=payout.approval.pk)
