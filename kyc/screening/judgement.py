"""Whether a version may come into force: each check with its verdict and a sentence for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from kyc.models import ListState, ListVersion
from kyc.screening import sources
from lucid_payments import clock

GOOD: Final = "good"
# It may come into force when one more person agrees.
SECOND: Final = "second"
# People should see it; it decides nothing.
NOTED: Final = "noted"
FAILED: Final = "failed"
# Of each hundred entries of the version in force, so many may be gone without a second person's look.
LARGEST_DROP: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    verdict: str
    sentence: str

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def unreadable(sentence: str) -> Check:
    return Check("The file can be read", FAILED, sentence)


def judge(version: ListVersion, addresses: set[str]) -> list[Check]:
    """All checks of a version that was read, against the one in force now."""
    before = ListVersion.objects.filter(list_name=version.list_name, state=ListState.ACTIVE).first()
    return [
        Check("The file can be read", GOOD, f"{version.addresses:,} addresses and {version.names:,} names."),
        _hash(version),
        _not_empty(version),
        _date(version, before),
        _count(version, before),
        _known(version, addresses),
        _quarantine(version),
    ]


def against_now(version: ListVersion) -> list[Check]:
    """What may have changed since it was checked: another one may have come into force."""
    before = ListVersion.objects.filter(list_name=version.list_name, state=ListState.ACTIVE).first()
    return [_date(version, before), _count(version, before)]


def _hash(version: ListVersion) -> Check:
    name = "Its hash is the one stated"
    if not version.stated_sha256:
        if version.uploaded_by_id is None:
            return Check(name, NOTED, "Fetched by the system: nobody stated one.")
        return Check(name, FAILED, "Who uploaded it stated none.")
    if version.stated_sha256 != version.file_sha256:
        return Check(name, FAILED, f"Stated is {version.stated_sha256}, the file's is {version.file_sha256}.")
    return Check(name, GOOD, version.file_sha256)


def _not_empty(version: ListVersion) -> Check:
    name = "It isn't empty"
    if not version.addresses:
        return Check(name, FAILED, "It holds no address.")
    return Check(name, GOOD, f"{version.addresses:,} addresses.")


def _date(version: ListVersion, before: ListVersion | None) -> Check:
    name = "It isn't older than the one in force"
    if version.published_on is None:
        return Check(name, FAILED, "Nothing says when it was published.")
    # Publishers' days begin before ours in the east.
    if version.published_on > (clock.now() + timedelta(days=1)).date():
        return Check(name, FAILED, f"It says it was published on {version.published_on}, which is to come.")
    if before is not None and before.published_on and version.published_on < before.published_on:
        return Check(
            name, FAILED, f"It is of {version.published_on}, the one in force of {before.published_on}."
        )
    return Check(name, GOOD, f"Published on {version.published_on}.")


def _count(version: ListVersion, before: ListVersion | None) -> Check:
    name = "It isn't much shorter than the one in force"
    if before is None:
        return Check(name, GOOD, "It is the first.")
    told = []
    for words in ("addresses", "names"):
        old, new = getattr(before, words), getattr(version, words)
        if (old - new) * 100 > LARGEST_DROP * old:
            told.append(f"{new:,} {words} where the one in force has {old:,}")
    if told:
        return Check(name, SECOND, f"{'; '.join(told)}: a second person must confirm.")
    return Check(
        name, GOOD, f"{version.addresses:,} addresses where the one in force has {before.addresses:,}."
    )


def _known(version: ListVersion, addresses: set[str]) -> Check:
    name = "It holds the known addresses"
    source = sources.named(version.list_name)
    known = source.known if source else ()
    missing = [address for address in known if address not in addresses]
    if missing:
        return Check(name, FAILED, f"{len(missing)} of {len(known)} are missing, {missing[0]} first.")
    return Check(
        name, GOOD if known else NOTED, f"{len(known)} of {len(known)}." if known else "None are set."
    )


def _quarantine(version: ListVersion) -> Check:
    name = "Every row is an address"
    if version.quarantined:
        return Check(name, NOTED, f"Not so in {version.quarantined:,}: quarantined, see below.")
    return Check(name, GOOD, "No row is quarantined.")
