"""Everybody anew, after a list came into force: in batches, each committed, so that it goes on where it was cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from django.db import transaction

from kyc.attestation import requesting
from kyc.models import EntryKind, Moment, Node, Rescreening
from kyc.screening import cases, matching, names
from kyc.screening.cases import Encounter
from lucid_payments import clock
from lucid_payments.audit import log

TASK: Final = "kyc.tasks.rescreen"
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody to screen. `cursor`: where the next batch goes on; `about`: an id; `name`: asked about, and not kept."""

    cursor: str
    kind: EntryKind
    subject: str
    about: str = ""
    name: str = ""


class Source(Protocol):
    """Whose subjects these are; apps register theirs."""

    def total(self) -> int:
        """How many there are, about."""

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        """The next ones in a fixed order, from the beginning for an empty cursor; none at the end."""


class Wallets:
    """The wallets that nodes' newest attestations name."""

    def total(self) -> int:
        return Node.objects.filter(attestations__isnull=False).distinct().count()

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        attested = requesting.with_newest().filter(newest_pk__isnull=False)
        rows = attested.filter(pk__gt=int(cursor or 0)).order_by("pk")[:limit]
        return [
            Subject(str(node.pk), EntryKind.ADDRESS, node.newest_wallet, about=f"node {node.node_id}")
            for node in rows
        ]


_sources: Final[dict[str, Source]] = {}


def register(name: str, source: Source) -> None:
    """Make subjects known under a name that never changes; they are looked at in the names' order."""
    _sources[name] = source


def total() -> int:
    return sum(source.total() for source in _sources.values())


def work(*, batches: int = 20) -> int:
    """Go on with what is open, so many batches at most; answers how many were done."""
    done = 0
    while done < batches and _batch():
        done += 1
    return done


@transaction.atomic
def _batch() -> bool:
    """One batch of the oldest open one; False when there is none, or somebody else is at it."""
    row = (
        Rescreening.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(ended_at=None)
        .order_by("pk")
        .first()
    )
    if row is None:
        return False
    left = sorted(name for name in _sources if name >= row.source)
    name = left[0] if left else ""
    some = _sources[name].after(row.cursor if name == row.source else "", BATCH) if name else []
    if some:
        row.source, row.cursor = name, some[-1].cursor
        row.screened += len(some)
        row.hits += _screen(some)
    elif len(left) > 1:
        row.source, row.cursor = left[1], ""
    else:
        row.ended_at = clock.now()
        told = {"screened": row.screened, "hits": row.hits}
        log.record("list.everybody_screened", actor=None, subject=row.version, details=told)
    row.save()
    return True


def _screen(some: Sequence[Subject]) -> int:
    """How many cases these meet."""
    by_address = [one for one in some if one.kind == EntryKind.ADDRESS]
    found = matching.look({one.subject for one in by_address}, clock.now())
    kept = cases.keep(found, [Encounter(one.subject, one.about) for one in by_address], Moment.ACTIVATION)
    for one in some:
        if one.kind == EntryKind.NAME:
            kept += names.screen(one.name, subject=one.subject, about=one.about, moment=Moment.ACTIVATION)
    return len(kept)


def open_now() -> Rescreening | None:
    """The one at work, with its version."""
    return Rescreening.objects.filter(ended_at=None).select_related("version").order_by("pk").first()


register("kyc.wallets", Wallets())
