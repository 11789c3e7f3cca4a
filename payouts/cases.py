"""Cases for people: opened when no rule can end something, closed when two people have, or when it ended by itself.

Time is the chain's: fifteen minutes of final blocks past an attempt's expiration. While final blocks stand, it stands.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from lucid_payments.money import format_usdt
from payouts import alarms
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.cases import CaseEnd, CaseKind, ChainSearch, ManualCase
from payouts.models.chain import Alarm, ChainState
from payouts.models.payout import PayoutStatus
from payouts.tron.encoding import decode_raw_data

PATIENCE: Final = timedelta(minutes=15)
# An act is done by evidence that is no older than this.
FRESH: Final = timedelta(minutes=10)
# Blocks that one search reads at most: twenty minutes of them.
LONGEST_SEARCH: Final = 400
# How far before the last good statement a transfer may stand that a fork moved.
BEFORE_STATEMENT: Final = 30
# The network's table of recent blocks, which a transaction names one of by its low 16 bits.
_REFERENCES: Final = 65_536
SEARCH_TASK: Final = "payouts.tasks.search"

ALARMS: Final[dict[str, tuple[str, str]]] = {
    CaseKind.UNRESOLVED: (
        "payout_unresolved",
        "A payout's transaction expired long ago and no rule can say what became of it.",
    ),
    CaseKind.PAID_DIFFERENTLY: (
        "paid_differently",
        "A payout's transaction did something else than was asked: two people must look.",
    ),
    CaseKind.UNKNOWN_TRANSFER: (
        "unknown_transfer",
        "Value left the treasury that isn't ours: two people must find and book it.",
    ),
}


def sweep(state: ChainState) -> None:
    """Open what needs people, close what ended by itself, and raise or clear the alarm of each kind."""
    for attempt in _too_long(state):
        _open(
            CaseKind.UNRESOLVED,
            attempt=attempt,
            first=reference_block(attempt, state.solid_number) + 1,
            last=None,
            sentence=_why_unresolved(attempt),
        )
    for attempt in _paid_differently():
        _open(
            CaseKind.PAID_DIFFERENTLY,
            attempt=attempt,
            first=attempt.block_number or 0,
            last=attempt.block_number,
            sentence="Its transaction is in a final block, but didn't do exactly what was asked.",
        )
    ended = ManualCase.objects.filter(kind=CaseKind.UNRESOLVED, closed_at=None)
    for case in ended.exclude(attempt__state__in=UNRESOLVED):
        close(case, CaseEnd.BY_ITSELF)
    _tell()


@transaction.atomic
def open_unknown(*, txid: str, amount: int, state: ChainState, sentence: str, block: int = 0) -> None:
    """Value left the treasury that isn't ours: by this transaction, or, without one, by the balance alone.

    `amount`: base units missing, 0 where a transaction tells and the balance doesn't. `block`: the transaction's,
    where it isn't the one that the watcher has just seen.
    """
    if txid:
        first = last = block or state.foreign_block
        if ManualCase.objects.filter(kind=CaseKind.UNKNOWN_TRANSFER, txid=txid).exists():
            return
    else:
        last = state.head_number
        first = max(1, last - LONGEST_SEARCH + 1, state.statement_block - BEFORE_STATEMENT)
        if ManualCase.objects.filter(kind=CaseKind.UNKNOWN_TRANSFER, txid="", closed_at=None).exists():
            return
    _open(CaseKind.UNKNOWN_TRANSFER, txid=txid, amount=amount, first=first, last=last, sentence=sentence)
    _tell()


def unknown_open() -> ManualCase | None:
    """The oldest unknown transfer that isn't booked: while there is one, no statement is made."""
    return ManualCase.objects.filter(kind=CaseKind.UNKNOWN_TRANSFER, closed_at=None).order_by("pk").first()


@transaction.atomic
def close(case: ManualCase, end: CaseEnd, *, actor: User | None = None, second: User | None = None) -> bool:
    """False when it is closed already. The caller's act has its own rows; these tell of the case."""
    who = " and ".join(user.get_username() for user in (actor, second) if user is not None)
    changed = ManualCase.objects.filter(pk=case.pk, closed_at=None).update(
        closed_at=LucidNow(), end=end, closed_by=who or "system"
    )
    if changed:
        _record("case.closed", case, actor=second or actor, details={"end": end.value, "by": who or "system"})
        _tell()
    return bool(changed)


@transaction.atomic
def ask_search(
    case: ManualCase,
    *,
    first: int,
    last: int | None,
    nodes: list[str],
    elsewhere: str = "",
    actor: User | None = None,
    reason: str = "",
) -> ChainSearch:
    """Have a worker search these blocks at these nodes; its words become evidence."""
    search = ChainSearch.objects.create(
        case=case,
        first_block=first,
        last_block=last,
        nodes=nodes,
        elsewhere=elsewhere,
        asked_by=actor,
        reason=reason,
    )
    nudge.after_commit(SEARCH_TASK)
    return search


def node_names() -> list[str]:
    """The nodes of the settings, by name."""
    return [str(entry["name"]) for entry in settings.TRON_NODES]


def reference_block(attempt: Attempt, solid_number: int) -> int:
    """The block that the bytes refer to. What came from the journal alone has but the number's low 16 bits."""
    if attempt.reference_block:
        return attempt.reference_block
    low = int.from_bytes(decode_raw_data(bytes(attempt.raw_data)).ref_block_bytes)
    return max(0, solid_number - (solid_number - low) % _REFERENCES)


def _too_long(state: ChainState) -> QuerySet[Attempt]:
    """Unresolved fifteen minutes of final blocks after its expiration, and not a case yet."""
    before = state.solid_time_ms - PATIENCE // timedelta(milliseconds=1)
    return (
        Attempt.objects.filter(state__in=UNRESOLVED, expiration_ms__lte=before)
        .exclude(cases__kind=CaseKind.UNRESOLVED)
        .select_related("payout")
    )


def _paid_differently() -> QuerySet[Attempt]:
    return (
        Attempt.objects.filter(payout__status=PayoutStatus.MANUAL, state=AttemptState.SUCCEEDED)
        .exclude(cases__kind=CaseKind.PAID_DIFFERENTLY)
        .select_related("payout")
    )


def _why_unresolved(attempt: Attempt) -> str:
    expired = clock.from_ms(attempt.expiration_ms)
    if attempt.state == AttemptState.INCLUDED:
        return (
            f"The newest blocks showed attempt {attempt.number} in block {attempt.block_number}, but two providers"
            f" don't give the same final outcome since it expired at {expired:%Y-%m-%d %H:%M:%S} UTC."
        )
    return (
        f"Attempt {attempt.number} expired at {expired:%Y-%m-%d %H:%M:%S} UTC, and two providers prove neither that"
        " it is in a final block nor that it can never be."
    )


def _open(
    kind: CaseKind,
    *,
    first: int,
    last: int | None,
    sentence: str,
    attempt: Attempt | None = None,
    txid: str = "",
    amount: int = 0,
) -> None:
    try:
        with transaction.atomic():
            case = ManualCase.objects.create(
                kind=kind,
                payout=attempt.payout if attempt else None,
                attempt=attempt,
                txid=attempt.txid if attempt else txid,
                amount=attempt.amount if attempt else amount,
                sentence=sentence,
                first_block=first,
                last_block=last,
            )
            _record("case.opened", case, actor=None, details={"why": sentence})
            # What the nodes say now stands on the page before anybody asks.
            ask_search(case, first=first, last=last, nodes=node_names())
    except IntegrityError:
        return


def _record(action: str, case: ManualCase, *, actor: User | None, details: dict[str, str]) -> None:
    about = {
        "kind": case.kind,
        "payout_id": case.payout.payout_id if case.payout else "",
        "txid": case.txid,
        "amount_usdt": format_usdt(case.amount),
    }
    log.record(action, actor=actor, subject=case, details={**about, **details})
    outbox.emit(action, subject_type="case", subject_id=str(case.pk), owner=None, payload=about)


def _tell() -> None:
    """One alarm a kind, for as long as a case of it is open."""
    open_kinds = set(ManualCase.objects.filter(closed_at=None).values_list("kind", flat=True))
    raised = set(
        Alarm.objects.filter(kind__in=[name for name, _ in ALARMS.values()], cleared_at=None).values_list(
            "kind", flat=True
        )
    )
    for kind, (name, sentence) in ALARMS.items():
        if kind in open_kinds and name not in raised:
            alarms.raise_alarm(name, sentence)
        elif kind not in open_kinds and name in raised:
            alarms.clear([name])
