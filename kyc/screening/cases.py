"""Cases: what screening found, kept for reporting, and what a person decided about each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection, transaction

from kyc.models import CaseState, EntryKind, Grade, Moment, ScreeningCase
from kyc.screening import metrics
from kyc.screening.matching import Look, Verdict
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox

# Closed lists: further words are extra.
CLEAR_REASONS: Final = {
    "another_chain": "The 0x key is somebody else's by evidence on file",
    "another_person": "Another person or company",
    "misprint": "The list's publisher says that the row is a misprint",
    "licence": "A licence of the authority covers it",
}
CONFIRM_REASONS: Final = {
    "same_address": "It is the listed address",
    "same_owner": "The listed party holds the key",
    "same_person": "It is the listed person or company",
    "precaution": "It can't be told apart from the listed one",
}


@dataclass(frozen=True, slots=True)
class Encounter:
    """Who met the lists, and how: `about` is an id, `amount` base units. Never a name, a document, a typed text."""

    subject: str
    about: str = ""
    creator: User | None = None
    amount: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    kind: EntryKind
    encounter: Encounter
    entry: int
    grade: Grade
    outcome: str
    score: int | None = None


Listener = Callable[[ScreeningCase], None]


@dataclass(slots=True)
class _Listeners:
    cleared: list[Listener] = field(default_factory=list)
    confirmed: list[Listener] = field(default_factory=list)


_listeners: Final = _Listeners()


def when_cleared(listener: Listener) -> None:
    """Apps above this one hear of it in the deciding transaction: what was held for it may go."""
    _listeners.cleared.append(listener)


def when_confirmed(listener: Listener) -> None:
    """Apps above this one hear of it in the deciding transaction: whose record it is, is suspended."""
    _listeners.confirmed.append(listener)


@transaction.atomic
def keep(look: Look, encounters: Iterable[Encounter], moment: Moment) -> list[int]:
    """Open a case for each hit of these addresses that people haven't cleared, or note that it was met again.

    Answers the cases' keys. However often the same request comes, its encounter stands once and counts.
    """
    found = [
        _Found(EntryKind.ADDRESS, encounter, hit.entry, hit.grade, hit.verdict)
        for encounter in encounters
        for hit in look.standing_hits(encounter.subject)
    ]
    return _keep(found, moment, look.versions)


@transaction.atomic
def keep_names(
    encounter: Encounter, candidates: Sequence[tuple[int, int]], moment: Moment, versions: Mapping[str, int]
) -> list[int]:
    """The same for names: (entry, score of 100) each. A candidate is for a person to look at and refuses nothing."""
    found = [
        _Found(EntryKind.NAME, encounter, entry, Grade.NAME, Verdict.HOLD, score)
        for entry, score in candidates
    ]
    return _keep(found, moment, versions)


def _keep(found: Sequence[_Found], moment: Moment, versions: Mapping[str, int]) -> list[int]:
    # In one order, so that two requests that meet the same entries don't wait for one another.
    ordered = sorted(found, key=lambda one: (one.encounter.subject, one.entry))
    return [_one(one, moment, versions) for one in ordered]


def _one(found: _Found, moment: Moment, versions: Mapping[str, int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO kyc_screeningcase AS kase
                (kind, subject, entry_id, grade, score, state, times, reason_code, note, version)
            VALUES (%s, %s, %s, %s, %s, 'open', 1, '', '', 1)
            ON CONFLICT (subject, entry_id) DO UPDATE SET times = kase.times + 1, last_at = lucid_now()
            RETURNING id, times
            """,
            [found.kind.value, found.encounter.subject, found.entry, found.grade.value, found.score],
        )
        pk, times = cursor.fetchone()
        is_new = _note(cursor, pk, found, moment, versions)
    metrics.count_hit(moment, found.grade)
    if times == 1 or is_new:
        _tell(pk, found, moment, opened=times == 1)
    return int(pk)


def _note(cursor: Any, pk: int, found: _Found, moment: Moment, versions: Mapping[str, int]) -> bool:
    met = found.encounter
    same = [
        moment.value,
        met.about,
        met.creator.pk if met.creator else None,
        met.amount,
        sorted(versions.items()),
    ]
    cursor.execute(
        """
        INSERT INTO kyc_screeningencounter AS met
            (case_id, fingerprint, moment, about, creator_id, amount, lists, request_id, outcome, times)
        VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, 1)
        ON CONFLICT (case_id, fingerprint) DO UPDATE SET times = met.times + 1, last_at = lucid_now()
        RETURNING times
        """,
        [
            pk, hashlib.sha256(repr(same).encode()).hexdigest(), moment.value, met.about,
            met.creator.pk if met.creator else None, met.amount, json.dumps(dict(versions)), met.request_id,
            found.outcome,
        ],
    )  # fmt: skip
    return bool(cursor.fetchone()[0] == 1)


def _tell(pk: int, found: _Found, moment: Moment, *, opened: bool) -> None:
    """The audit log and the staff's events hear of each encounter once, without the address."""
    log.record(
        "screening.case_opened" if opened else "screening.met_again",
        actor=found.encounter.creator,
        subject=ScreeningCase(pk=pk),
        details={"moment": moment.value, "grade": found.grade.value, "about": found.encounter.about},
        request_id=found.encounter.request_id,
    )
    if opened:
        outbox.emit(
            "screening.case_opened",
            subject_type="screening_case",
            subject_id=str(pk),
            owner=None,
            payload={"grade": found.grade.value, "moment": moment.value},
        )


class DecidedAlready(Exception):
    """Somebody was first; nothing has changed."""


@transaction.atomic
def decide(
    case: ScreeningCase, to: CaseState, *, by: User, code: str, note: str, details: Mapping[str, Any],
    request_id: str = "",
) -> None:  # fmt: skip
    """Clear or confirm a case. Raises DecidedAlready unless it still is as `case` says."""
    changed = ScreeningCase.objects.filter(pk=case.pk, version=case.version, state=case.state).update(
        state=to,
        reason_code=code,
        note=note[:300],
        decided_by=by,
        decided_at=LucidNow(),
        version=case.version + 1,
    )
    if changed != 1:
        raise DecidedAlready
    log.record(
        f"screening.{to.value}",
        actor=by,
        subject=case,
        details={"from": case.state, "code": code, **details},
        request_id=request_id,
    )
    fresh = ScreeningCase.objects.get(pk=case.pk)
    for listener in _listeners.cleared if to == CaseState.CLEARED else _listeners.confirmed:
        listener(fresh)
