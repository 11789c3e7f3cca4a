"""A list's way: taken, checked, put in force by somebody else, retired; and what is refused on it."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, ProgrammingError, transaction

from kyc.models import (
    ListContents,
    ListEntry,
    ListFilePart,
    ListState,
    ListVersion,
    QuarantinedRow,
)
from kyc.screening import activation, files, staging
from kyc.screening.files import FileRefused
from kyc.screening.sources import ListSource
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from tests.kyc.screening.lists import (
    LINES,
    SDN,
    bitcoin,
    failed,
    homoglyph,
    listing,
    people,
    put_in_force,
    sdn_xml,
    stage,
    tron,
    twin,
)

pytestmark = pytest.mark.django_db

SOURCE = ListSource("frozen", "lines")


def lines(*words: str) -> bytes:
    return "\n".join(tron(word) for word in words).encode()


def receive(content: bytes) -> ListVersion:
    return staging.receive(SOURCE, [content], by=people()[0])


def test_what_is_staged_is_kept_as_it_came_and_counts_for_nothing() -> None:
    content = lines(*map(str, range(40_000)))
    version = staging.receive(SOURCE, [content[:9], content[9:]], by=people()[0])

    assert (version.state, version.number, version.size) == ("staged", 1, len(content))
    assert version.file_sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(files.read(version)) == content
    assert version.parts.count() == 2
    assert not ListEntry.objects.exists()
    assert AuditEntry.objects.get(action="list.staged").actor == people()[0]


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b"x" * 1_000_000), b"PK\x03\x04" + b"x" * 100, b"BZh91AY", b"\xfd7zXZ\x00"],
)
def test_empty_files_and_archives_aren_t_taken(content: bytes) -> None:
    with pytest.raises(FileRefused):
        receive(content)
    assert not ListVersion.objects.exists()
    assert not ListFilePart.objects.exists()


def test_a_file_that_is_too_large_isn_t_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAXIMUM", 2_500_000)
    endless = (b"x" * 100_000 for _ in iter(int, 1))
    with pytest.raises(FileRefused, match="2,500,000"):
        staging.receive(SOURCE, endless, by=people()[0])
    assert not ListFilePart.objects.exists()


def test_the_check_reads_every_trap() -> None:
    version = stage(
        sdn_xml(
            [
                (
                    36,
                    "Invented Lda",
                    [("XBT", tron("a")), ("USDT", homoglyph(tron("b"))), ("ETH", twin("c"))],
                ),
                (37, "Nobody", [("XBT", bitcoin("d")), ("TRX", tron("e")[:-1] + "x"), ("XBT", tron("a"))]),
            ]
        ),
        SDN,
    )

    assert version.state == ListState.CHECKED
    assert (version.addresses, version.names, version.quarantined) == (4, 4, 1)
    assert str(version.published_on) == "2026-11-16"
    shown = {(e.value, e.form, e.folded) for e in ListEntry.objects.filter(kind="address")}
    assert shown == {
        (tron("a"), "tron", False),
        (tron("b"), "tron", True),
        (twin("c").lower(), "evm", False),
        (bitcoin("d"), "other", False),
    }
    assert not ListEntry.objects.filter(in_force__isnull=False).exists()
    row = QuarantinedRow.objects.get()
    assert (row.place, row.text) == ("party 37", tron("e")[:-1] + "x")


def test_quarantined_letters_are_shown_by_their_numbers() -> None:
    stage(f"{tron('a')}\nТ\u0416\u200b\n".encode())
    assert QuarantinedRow.objects.get().text == "\\u0422\\u0416\\u200b"


@pytest.mark.parametrize(
    ("content", "changes", "check"),
    [
        (b"# nobody\n", {}, "It isn't empty"),
        (b"nonsense\n", {}, "It isn't empty"),
        (lines("a"), {"stated_sha256": "0" * 64}, "Its hash is the one stated"),
        (lines("a"), {"stated_sha256": ""}, "Its hash is the one stated"),
        (lines("a"), {"published_on": None}, "It isn't older than the one in force"),
        (lines("a"), {"published_on": date(2999, 1, 1)}, "It isn't older than the one in force"),
        (b"\0", {}, "The file can be read"),
    ],
)
def test_what_the_check_refuses(content: bytes, changes: dict[str, Any], check: str) -> None:
    version = stage(content, **changes)
    assert version.state == ListState.REFUSED
    assert check in failed(version)
    with pytest.raises(activation.NotActivated):
        put_in_force(version)
    assert not ListEntry.objects.filter(in_force__isnull=False).exists()


def test_a_version_older_than_the_one_in_force_is_refused() -> None:
    today = clock.now().date()
    put_in_force(stage(lines("a"), published_on=today))
    assert failed(stage(lines("a", "b"), published_on=today - timedelta(days=1))) == [
        "It isn't older than the one in force"
    ]


def test_known_addresses_must_be_there(settings: Any) -> None:
    settings.SCREENING_LISTS = [{**LINES, "known": [tron("a"), tron("b")]}]
    assert failed(stage(lines("a", "c"))) == ["It holds the known addresses"]
    assert stage(lines("a", "b")).state == ListState.CHECKED


def test_a_drop_of_more_than_five_per_cent_needs_one_more_person() -> None:
    words = [str(number) for number in range(40)]
    put_in_force(stage(lines(*words)))
    officers = people()

    activation.activate(stage(lines(*words[2:])), by=officers[1], second=None, evidence={})
    shorter = stage(lines(*words[5:]))
    assert [check["name"] for check in shorter.checks if check["verdict"] == "second"] == [
        "It isn't much shorter than the one in force"
    ]
    with pytest.raises(activation.NotActivated, match="second person"):
        activation.activate(shorter, by=officers[1], second=None, evidence={})
    with pytest.raises(activation.NotActivated, match="uploaded"):
        activation.activate(shorter, by=officers[1], second=officers[0], evidence={})
    activation.activate(shorter, by=officers[1], second=officers[2], evidence={})

    states = list(ListVersion.objects.order_by("number").values_list("state", flat=True))
    assert states == ["retired", "retired", "active"]


def test_the_uploader_doesn_t_put_it_in_force_by_constraint_either() -> None:
    version = stage(lines("a"))
    with pytest.raises(activation.NotActivated):
        activation.activate(version, by=people()[0], second=people()[1], evidence={})
    for columns in ({"activated_by": people()[0]}, {"activated_by": people()[1], "second": people()[0]}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ListVersion.objects.filter(pk=version.pk).update(**columns)
    with pytest.raises(IntegrityError), transaction.atomic():
        ListVersion.objects.filter(pk=version.pk).update(state="active")


def test_one_version_of_a_list_is_in_force_and_what_both_hold_never_stops_counting() -> None:
    first = listing(tron("a"), tron("b"))
    kept = ListEntry.objects.get(value=tron("a")).pk
    second = listing(tron("a"), tron("c"))

    in_force = dict(ListEntry.objects.values_list("value", "in_force"))
    assert in_force == {tron("a"): second.pk, tron("b"): None, tron("c"): second.pk}
    assert ListEntry.objects.get(value=tron("a")).pk == kept
    first.refresh_from_db()
    assert (first.state, second.state) == ("retired", "active")
    assert len(ListContents.objects.get(version=first).entry_ids) == 2


def test_a_version_that_waited_too_long_isn_t_put_in_force() -> None:
    early, late = stage(lines("a")), stage(lines("b"))
    put_in_force(late)
    with pytest.raises(activation.NotActivated, match="came later"):
        put_in_force(early)
    with pytest.raises(activation.NotActivated, match="Somebody was first"):
        put_in_force(late)


def test_nothing_of_a_list_is_ever_gone_or_another() -> None:
    version = listing(tron("a"), "nonsense")
    gone = (ListVersion, ListEntry, ListFilePart, ListContents, QuarantinedRow)
    for model in gone:
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            model.objects.all()._raw_delete("default")
    for change in ({"value": tron("b")}, {"key": b"0" * 20}, {"folded": True}):
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            ListEntry.objects.filter(in_force=version).update(**change)
