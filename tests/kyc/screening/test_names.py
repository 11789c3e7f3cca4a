"""Names: who is alike is for a person to look at, once; and everybody is looked at when a list comes into force."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kyc.models import CaseState, EntryKind, ListVersion, Moment, Rescreening, ScreeningCase
from kyc.screening import cases, names, rescreening, screen_name
from kyc.screening.rescreening import Subject
from tests.kyc.attestations import attest
from tests.kyc.screening.lists import listing, people, put_in_force, sdn_xml, stage, tron, twin

pytestmark = pytest.mark.django_db

SDN = {"name": "ofac-sdn", "format": "ofac_sdn"}


def listed(*parties: str) -> ListVersion:
    rows = [(n, name, [("TRX", tron(name))]) for n, name in enumerate(parties)]
    return put_in_force(stage(sdn_xml(rows), SDN))


def met(name: str) -> list[str]:
    pks = screen_name(name, subject="operator 1", moment=Moment.KYC_APPROVAL)
    return list(
        ScreeningCase.objects.filter(pk__in=pks).order_by("pk").values_list("entry__value", flat=True)
    )


@pytest.mark.parametrize(
    "name", ["Ivan Inventorov", "INVENTOROV, Ivan", "Ívan  Inventórov", "Ivan Inventerov"]
)
def test_alike_names_are_candidates(name: str) -> None:
    listed("Ivan Inventorov", "Somebody Quite Different")
    assert "Ivan Inventorov" in met(name)
    assert {case.state for case in ScreeningCase.objects.all()} == {"open"}


@pytest.mark.parametrize("name", ["", "  ", "Maria Benevolent", "!!!"])
def test_others_aren_t(name: str) -> None:
    listed("Ivan Inventorov")
    assert met(name) == []


def test_the_scores_of_the_specification() -> None:
    known = {1: "alpha beta gamma", 2: "alphabetical"}
    assert names.alike("gamma alpha", known)[0] == (1, 100)
    assert names.alike("alphabetica", known)[0][0] == 2
    assert names.alike("beta max", known) == []


def test_a_name_is_kept_nowhere_and_its_clearance_is_remembered() -> None:
    listed("Ivan Inventorov")
    assert met("Ivan Inventorow")
    assert "Inventorow" not in str(list(ScreeningCase.objects.values()))
    for case in ScreeningCase.objects.filter(kind="name"):
        cases.decide(case, CaseState.CLEARED, by=people()[0], code="another_person", note="", details={})
    assert met("Ivan Inventorow") == []
    listed("Ivan Inventorov", "Another One")
    assert met("Ivan Inventorow") == []
    assert screen_name("Ivan Inventorow", subject="operator 2", moment=Moment.KYC_APPROVAL)


class Many:
    """Subjects enough for three batches."""

    def __init__(self, count: int) -> None:
        self.rows = [
            Subject(f"{n:05}", EntryKind.ADDRESS, tron(str(n)), about=f"payout {n}") for n in range(count)
        ]

    def total(self) -> int:
        return len(self.rows)

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        return [row for row in self.rows if row.cursor > cursor][:limit]


class People:
    def total(self) -> int:
        return 1

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        return [] if cursor else [Subject("1", EntryKind.NAME, "operator 9", name="Holding of Inventorov")]


def test_everybody_is_screened_anew_and_it_goes_on_where_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attest("node-1", wallet=tron("wallet"))
    known = {"kyc.wallets": rescreening.Wallets(), "z.people": People(), "a": Many(1_200)}
    monkeypatch.setattr(rescreening, "_sources", known)
    party = (1, "Inventorov", [("ETH", twin("700")), ("XBT", tron("wallet"))])

    version = put_in_force(stage(sdn_xml([party, (2, "b", [("TRX", tron("1199"))])]), SDN))

    row = Rescreening.objects.get(version=version)
    assert (row.total, row.screened) == (1_202, 0)
    assert rescreening.work(batches=2) == 2
    row.refresh_from_db()
    assert (row.screened, row.ended_at, row.source) == (1_000, None, "a")
    assert rescreening.work() > 0
    row.refresh_from_db()
    assert row.ended_at is not None
    assert (row.screened, row.hits) == (1_202, ScreeningCase.objects.count())
    found = set(ScreeningCase.objects.values_list("subject", flat=True))
    assert found == {tron("700"), tron("1199"), tron("wallet"), "operator 9"}
    assert rescreening.work() == 0


def test_a_second_list_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescreening, "_sources", {"a": Many(3)})
    listing(tron("1"))
    listing(tron("1"), tron("2"))
    rescreening.work()
    assert not Rescreening.objects.filter(ended_at=None).exists()
    assert ScreeningCase.objects.count() == 2
