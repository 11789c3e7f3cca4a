"""What a list says, as rows: each thing it says once, whatever versions say it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Final, TypeVar

from kyc.models import EntryKind, ListContents, ListEntry, ListVersion, QuarantinedRow
from kyc.screening import rows
from kyc.screening.formats import Item, ListUnreadable, Published
from kyc.screening.formats.items import Address, Name

AT_ONCE: Final = 2_000
MOST_ENTRIES: Final = 500_000
MOST_QUARANTINED: Final = 10_000
T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """What one file says."""

    published_on: date | None = None
    addresses: set[str] = field(default_factory=set)
    names: int = 0
    quarantined: int = 0
    entry_ids: set[int] = field(default_factory=set)


def keep(version: ListVersion, items: Iterable[Item]) -> Found:
    """Write what the version's file says. Only inside a transaction. Raises ListUnreadable."""
    found = Found()
    for some in _some(items, AT_ONCE):
        entries: dict[bytes, ListEntry] = {}
        for item in some:
            if isinstance(item, Published):
                found.published_on = item.on
                continue
            entry = _name(version, item) if isinstance(item, Name) else _address(version, item, found)
            if entry is not None:
                entry.content_hash = _hash(entry)
                entries[entry.content_hash] = entry
        found.addresses.update(e.value for e in entries.values() if e.kind == EntryKind.ADDRESS)
        found.entry_ids |= _write(version.list_name, entries)
        if len(found.entry_ids) > MOST_ENTRIES:
            raise ListUnreadable(f"It has more than {MOST_ENTRIES:,} entries.")
    kinds = ListEntry.objects.filter(pk__in=found.entry_ids, kind=EntryKind.NAME)
    found.names = kinds.count() if len(found.entry_ids) < AT_ONCE else _count_names(found.entry_ids)
    ListContents.objects.create(version=version, entry_ids=sorted(found.entry_ids))
    return found


def _count_names(ids: set[int]) -> int:
    ordered = iter(sorted(ids))
    total = 0
    while some := list(islice(ordered, 10 * AT_ONCE)):
        total += ListEntry.objects.filter(pk__in=some, kind=EntryKind.NAME).count()
    return total


def _some(items: Iterable[T], count: int) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, count)):
        yield batch


def _name(version: ListVersion, item: Name) -> ListEntry:
    return ListEntry(
        list_name=version.list_name, kind=EntryKind.NAME, value=item.name[:300], uid=item.uid[:40],
        label=item.label[:300], program=item.program[:200],
    )  # fmt: skip


def _address(version: ListVersion, item: Address, found: Found) -> ListEntry | None:
    try:
        read = rows.read(item.raw, item.ticker)
    except rows.Unreadable as refusal:
        found.quarantined += 1
        if found.quarantined > MOST_QUARANTINED:
            raise ListUnreadable(f"More than {MOST_QUARANTINED:,} of its rows are no addresses.") from None
        QuarantinedRow.objects.create(
            version=version, place=item.place[:60], text=_printable(item.raw), why=str(refusal)[:200]
        )
        return None
    return ListEntry(
        list_name=version.list_name, kind=EntryKind.ADDRESS, value=read.text, form=read.form, key=read.key,
        folded=read.folded, uid=item.uid[:40], label=item.label[:300], program=item.program[:200],
        ticker=item.ticker[:20],
    )  # fmt: skip


def _printable(text: str) -> str:
    """Every letter to be seen, the odd ones by their number: the page must show what the eye doesn't."""
    return text.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")[:200]


def _hash(entry: ListEntry) -> bytes:
    told = [
        entry.kind, entry.value, entry.form, entry.folded, entry.uid, entry.label, entry.program, entry.ticker,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()


def _write(list_name: str, entries: dict[bytes, ListEntry]) -> set[int]:
    ListEntry.objects.bulk_create(entries.values(), ignore_conflicts=True)
    rows_of = ListEntry.objects.filter(list_name=list_name, content_hash__in=list(entries))
    return set(rows_of.values_list("pk", flat=True))
