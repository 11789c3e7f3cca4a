"""The pages of lists and hits: who uploads doesn't activate, and what people decide is done once, with its reason."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from kyc.models import ListFilePart, ListVersion, Moment, ScreeningCase
from kyc.screening import Verdict, look, rescreening, screen_address, staging
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from tests.kyc.screening.lists import LINES, SDN, listing, put_in_force, sdn_xml, stage, tron, twin
from tests.lucid_payments.backoffice.people import Desk, desk

pytestmark = pytest.mark.django_db

STAGE = "/admin/kyc/listversion/stage/frozen/"


@pytest.fixture(autouse=True)
def required(settings: Any) -> None:
    settings.SCREENING_LISTS = [LINES, SDN]


def upload(by: Desk, content: bytes, path: str = STAGE, **changes: Any) -> Any:
    told = {
        "file": SimpleUploadedFile("list.txt", content),
        "sha256": hashlib.sha256(content).hexdigest().upper(),
        "published_on": str(clock.now().date()),
        **changes,
    }
    return by.send(path, by.form(path), **told)


def test_one_uploads_and_another_activates() -> None:
    one, other = desk("compliance_officer"), desk("compliance_officer", "second")
    answer = upload(one, tron("a").encode())
    version = ListVersion.objects.get()
    assert answer["Location"] == f"/admin/kyc/listversion/{version.pk}/"
    assert version.uploaded_by == one.user
    assert "It is being read" in one.client.get(answer["Location"]).content.decode()
    assert staging.check_staged() == 1

    page = one.client.get(answer["Location"]).content.decode()
    assert "You uploaded it: somebody else puts it in force." in page
    refused = one.client.post(f"/admin/act/list.activate/{version.pk}/", {})
    assert refused.status_code == 403

    other.act("list.activate", version.pk)

    version.refresh_from_db()
    assert (version.state, version.activated_by) == ("active", other.user)
    assert look([tron("a")], clock.now()).verdict(tron("a")) == Verdict.REFUSE
    entry = AuditEntry.objects.get(action="list.activated")
    assert entry.actor == other.user


def test_a_shorter_one_waits_for_a_third_person() -> None:
    put_in_force(stage("\n".join(tron(str(n)) for n in range(30)).encode()))
    uploader, second, third = desk("admin"), desk("compliance_officer", "b"), desk("admin", "c")
    upload(uploader, "\n".join(tron(str(n)) for n in range(20)).encode())
    staging.check_staged()
    version = ListVersion.objects.get(number=2)

    second.act("list.activate", version.pk)
    waiting = TwoPersonAct.objects.get()
    assert (waiting.kind, waiting.state) == ("list.activate", "asked")
    uploader.answer(waiting.pk, "confirm")
    version.refresh_from_db()
    assert version.state == "checked"
    third.answer(waiting.pk, "confirm")

    version.refresh_from_db()
    assert (version.state, version.activated_by, version.second) == ("active", second.user, third.user)


@pytest.mark.parametrize(
    ("content", "changes", "says"),
    [
        (b"", {}, "empty"),
        (b"PK\x03\x04", {}, "archive"),
        (b"x", {"sha256": "12"}, "64 hexadecimal digits"),
        (b"x", {"published_on": ""}, "required"),
        (b"x", {"reason": "short"}, "at least 10"),
        (b"x", {"code": "000000"}, "wrong"),
    ],
)
def test_what_isn_t_taken(content: bytes, changes: dict[str, Any], says: str) -> None:
    answer = upload(desk("compliance_officer"), content, **changes)
    assert answer.status_code in (200, 400)
    assert says in answer.content.decode()
    assert not ListVersion.objects.exists()
    assert not ListFilePart.objects.exists()


def test_the_same_form_twice_uploads_once() -> None:
    officer = desk("compliance_officer")
    form = officer.form(STAGE)
    for _ in range(2):
        content = tron("a").encode()
        answer = officer.send(
            STAGE, form, file=SimpleUploadedFile("x", content), sha256=hashlib.sha256(content).hexdigest(),
            published_on=str(clock.now().date()),
        )  # fmt: skip
        assert answer.status_code == 302
    assert ListVersion.objects.count() == 1


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "service"])
def test_others_upload_nothing(role: str) -> None:
    assert desk(role).client.post(STAGE, {}).status_code in (302, 403)
    assert desk("compliance_officer").client.get("/admin/kyc/listversion/stage/other/").status_code == 404


def test_the_lists_page_says_what_is_in_force_how_old_and_what_is_wrong_with_its_rows() -> None:
    version = put_in_force(stage(f"{tron('a')}\nТ\u0416\n".encode()))
    officer = desk("compliance_officer")
    page = officer.client.get("/admin/kyc/listversion/").content.decode()
    assert "Fresh" in page
    assert "Nothing in force: nobody is paid" in page
    assert "Everybody is screened anew" in page
    rescreening.work()
    shown = officer.client.get(f"/admin/kyc/listversion/{version.pk}/").content.decode()
    assert "\\u0422\\u0416" in shown
    assert "looked at" in shown
    clock.freeze(clock.now() + timedelta(days=8))
    assert "Too old: nobody is paid" in officer.client.get("/admin/kyc/listversion/").content.decode()
    assert "Nobody is paid" in officer.client.get("/admin/").content.decode()


def test_two_people_override_an_old_list_and_only_an_old_one(settings: Any) -> None:
    settings.SCREENING_LISTS = [LINES]
    version = listing(tron("a"))
    one, other = desk("admin"), desk("compliance_officer")
    assert one.client.get("/admin/act/list.override/frozen/").status_code == 403
    clock.freeze(clock.now() + timedelta(days=8))
    one.act("list.override", "frozen", reason="The publisher's server has been away since Monday.")
    assert look([], clock.now()).stale
    other.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert look([], clock.now()).stale == ""
    version.refresh_from_db()
    assert version.overridden_until == clock.now() + timedelta(hours=24)


# Hits


@pytest.fixture
def cases() -> list[ScreeningCase]:
    listing(tron("exact"), twin("twin"))
    put_in_force(
        stage(sdn_xml([(7, "Invented <b>Lda</b>".replace("<", "&lt;"), [("ETH", twin("third"))])]), SDN)
    )
    for word in ("exact", "twin", "third"):
        screen_address(tron(word), moment=Moment.CREATION)
    return list(ScreeningCase.objects.order_by("pk"))


def test_the_queue_is_oldest_first_and_a_case_shows_both_sides(cases: list[ScreeningCase]) -> None:
    officer = desk("compliance_officer")
    page = officer.client.get("/admin/kyc/screeningcase/").content.decode()
    assert page.index(f"Case {cases[0].pk}:") < page.index(f"Case {cases[2].pk}:")
    shown = officer.client.get(f"/admin/kyc/screeningcase/{cases[2].pk}/").content.decode()
    assert tron("third") in shown
    assert twin("third").lower() in shown
    assert "Invented &lt;b&gt;Lda&lt;/b&gt;" in shown
    found = officer.client.get(f"/admin/kyc/screeningcase/?q={tron('twin')}").content.decode()
    assert (
        "1 hit" in officer.client.get("/admin/").content.decode()
        or "3 hits" in found
        or tron("twin") in found
    )


def test_clear_and_confirm_by_closed_reasons(cases: list[ScreeningCase]) -> None:
    _, twin_case, third = cases
    officer = desk("compliance_officer")
    officer.act("screening.clear", twin_case.pk, why="invented reason")
    twin_case.refresh_from_db()
    assert twin_case.state == "open"
    officer.act("screening.clear", twin_case.pk, why="another_chain")
    officer.act("screening.confirm", third.pk, why="same_owner")
    for case in cases:
        case.refresh_from_db()
    assert [(case.state, case.reason_code) for case in cases] == [
        ("open", ""), ("cleared", "another_chain"), ("confirmed", "same_owner"),
    ]  # fmt: skip
    assert twin_case.decided_by == officer.user
    found = look([tron("twin"), tron("third")], clock.now())
    assert [found.verdict(tron(word)) for word in ("twin", "third")] == [Verdict.CLEAR, Verdict.REFUSE]


def test_the_address_itself_isn_t_cleared_and_one_doesn_t_undo_a_confirmation(
    cases: list[ScreeningCase],
) -> None:
    exact, twin_case, _ = cases
    officer, other = desk("compliance_officer"), desk("compliance_officer", "other")
    assert officer.client.get(f"/admin/act/screening.clear/{exact.pk}/").status_code == 403
    officer.act("screening.confirm", twin_case.pk, why="precaution")
    officer.act("screening.clear", twin_case.pk, why="misprint")
    twin_case.refresh_from_db()
    assert twin_case.state == "confirmed"
    other.answer(TwoPersonAct.objects.get().pk, "confirm")
    twin_case.refresh_from_db()
    assert twin_case.state == "cleared"


@pytest.mark.parametrize("role", ["admin", "auditor", "payout_approver"])
def test_others_decide_nothing(role: str, cases: list[ScreeningCase]) -> None:
    person = desk(role)
    for kind in ("screening.clear", "screening.confirm"):
        assert person.client.post(f"/admin/act/{kind}/{cases[1].pk}/", {}).status_code == 403
    assert set(ScreeningCase.objects.values_list("state", flat=True)) == {"open"}
