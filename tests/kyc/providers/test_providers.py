"""Outside providers: offline asks nobody, recording says what a file says, and who doesn't clear holds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from kyc.models import ProviderAnswer, ProviderKind, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.providers import answers, choice
from kyc.providers.interface import ProviderAway, Question
from kyc.providers.recording import Recording
from kyc.review import deciding, exposed
from kyc.review.errors import Refused
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import provided, release
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutTransition
from payouts.order import PayoutOrder
from tests.kyc import desk
from tests.policies import ask_no_approvals

USDT = 1_000_000
ADDRESS = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """Everything is asked of the recording provider."""
    settings.CHAIN_ANALYTICS_PROVIDER = settings.PEP_PROVIDER = settings.TRAVEL_RULE_PROVIDER = "recording"
    settings.PROVIDER_RECORDINGS = str(tmp_path / "recordings")
    return tmp_path / "recordings"


def say(folder: Path, kind: str, **said: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{kind}.answers.json").write_text(json.dumps({"*": said}))


def asked(folder: Path, kind: str) -> list[dict[str, str]]:
    file = folder / f"{kind}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def payout(amount: int = 10 * USDT) -> Payout:
    creator, _ = User.objects.get_or_create(username="service", defaults={"role": "service"})
    order = PayoutOrder(recipient_address=ADDRESS, amount=amount, reason="work")
    return PayoutManager.create(creator=creator, order=order)


def later(**past: int) -> None:
    clock.freeze(clock.now() + timedelta(**past))


# The providers themselves


def test_offline_asks_and_keeps_nothing_and_holds_nobody(db: None, django_assert_num_queries: Any) -> None:
    made = payout()
    with django_assert_num_queries(0):
        assert provided.before_release([made]) == {}
        assert provided.ask_about_waiting() == exposed.ask_about_people() == 0
        assert provided.words([made]) == {}
    assert choice.provider_of(ProviderKind.PEP).ask(Question(ProviderKind.PEP, "x")).clear


def test_recording_writes_down_what_isnt_private_and_answers_by_its_file(folder: Path) -> None:
    provider = Recording(folder)
    question = Question(ProviderKind.PEP, "application 1", {"version": "1"}, {"full_name": "Canary Inventor"})
    assert provider.ask(question).clear
    say(folder, "pep", clear=False, words="Perhaps a minister.")
    assert provider.ask(question).words == "Perhaps a minister."
    assert asked(folder, "pep") == [{"subject": "application 1", "version": "1"}] * 2
    assert "Canary" not in "".join(file.read_text() for file in folder.iterdir()) + repr(question)
    assert (folder / "pep.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["{", "[]", '{"*": 7}', '"x"'])
def test_a_file_that_cant_be_read_is_a_provider_that_is_away(content: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "pep.answers.json").write_text(content)
    with pytest.raises(ProviderAway):
        Recording(folder).ask(Question(ProviderKind.PEP, "application 1"))


@pytest.mark.parametrize("clear", ["true", 1, None, "yes"])
def test_only_true_is_clear(clear: Any, folder: Path) -> None:
    say(folder, "pep", clear=clear)
    assert not Recording(folder).ask(Question(ProviderKind.PEP, "application 1")).clear


def test_production_doesnt_start_with_a_recording_provider(settings: Any, folder: Path) -> None:
    assert choice.check_providers() == []
    settings.LUCID_ENV = "production"
    assert [found.id for found in choice.check_providers()] == ["kyc.E105"]
    settings.PROVIDER_RECORDINGS = ""
    assert [found.id for found in choice.check_providers()] == ["kyc.E104", "kyc.E105"]


# Chain analytics and the Travel Rule


def test_what_is_clear_goes_and_is_asked_about_once_a_day(db: None, folder: Path) -> None:
    made = payout()
    assert provided.before_release([made, made]) == {}
    assert provided.before_release([made]) == {}
    assert asked(folder, "analytics") == [{"subject": ADDRESS}]
    later(hours=25)
    assert provided.before_release([made]) == {}
    assert len(asked(folder, "analytics")) == 2
    assert [answer.kind for answer in provided.of_payout(made)] == ["analytics", "analytics"]


def test_what_isnt_clear_waits_until_it_is(db: None, folder: Path) -> None:
    made = payout()
    say(folder, "analytics", clear=False, words="Close to a mixer.")
    assert provided.before_release([made]) == {made.pk: "Chain analytics doesn't clear it: Close to a mixer."}
    say(folder, "analytics", clear=True, words="Cleared.")
    assert made.pk in provided.before_release([made]), "not asked again at once"
    later(minutes=11)
    assert provided.before_release([made]) == {}


def test_the_release_holds_it_with_what_was_said(db: None, folder: Path) -> None:
    made = payout()
    say(folder, "analytics", clear=False, words="Close to a mixer.")
    assert release._provided([made], clock.now()) == []
    made.refresh_from_db()
    assert (made.status, made.hold_reason) == ("scheduled", "screening")
    assert made.due_at > clock.now()
    step = PayoutTransition.objects.filter(payout=made).latest("id")
    assert step.detail == "Chain analytics doesn't clear it: Close to a mixer."
    say(folder, "analytics", clear=True, words="Cleared.")
    later(minutes=11)
    assert release._provided([made], clock.now()) == [made]


def test_who_is_away_has_cleared_nobody(db: None, folder: Path) -> None:
    made = payout()
    folder.mkdir()
    (folder / "analytics.answers.json").write_text("{")
    assert provided.before_release([made]) == {made.pk: "Chain analytics hasn't answered."}
    assert not ProviderAnswer.objects.exists()
    later(hours=25)
    (folder / "analytics.answers.json").unlink()
    assert provided.before_release([made]) == {}


def test_the_travel_rule_s_message_goes_once_and_from_its_amount_on(
    db: None, folder: Path, settings: Any
) -> None:
    settings.TRAVEL_RULE_FROM = 100 * USDT
    ask_no_approvals("service")
    small, large = payout(100 * USDT - 1), payout(100 * USDT)
    assert provided.before_release([small, large]) == {}
    later(days=2)
    assert provided.before_release([small, large]) == {}
    (message,) = asked(folder, "travel_rule")
    assert (message["subject"], message["beneficiary_address"], message["amount_usdt"]) == (
        large.payout_id, ADDRESS, "100.00",
    )  # fmt: skip

    third = payout(100 * USDT)
    say(folder, "travel_rule", clear=False, words="The other side doesn't know the beneficiary.")
    why = provided.before_release([third])[third.pk]
    assert why == "The Travel Rule's transport doesn't clear it: The other side doesn't know the beneficiary."


def test_approvers_see_it_and_cant_approve_what_isnt_clear(db: None, folder: Path) -> None:
    admin = User.objects.create_user("admin", role="admin")
    order = PayoutOrder(recipient_address=ADDRESS, amount=USDT, reason="work")
    made = PayoutManager.create(creator=admin, order=order)
    assert (made.status, provided.words([made])[made.pk].forbids) == ("awaiting_approval", False)
    say(folder, "analytics", clear=False, words="Close to a mixer.")
    assert provided.ask_about_waiting() == 1
    word = provided.words([made])[made.pk]
    assert (word.forbids, word.sentence) == (True, "Not clear: Close to a mixer.")


def test_an_answer_stays_as_it_came(db: None, folder: Path) -> None:
    provided.before_release([payout()])
    for words in ("UPDATE kyc_provideranswer SET clear = true", "DELETE FROM kyc_provideranswer"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(words)


# Politically exposed persons


def test_nobody_is_verified_before_the_provider_has_answered(db: None, folder: Path) -> None:
    officer = desk.officer()
    record = desk.marked(officer)
    with pytest.raises(Refused, match="hasn't answered"):
        deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    assert exposed.ask_about_people() == 1
    assert exposed.ask_about_people() == 0
    assert asked(folder, "pep") == [{"subject": f"application {record.public_id} {record.version}"}]
    assert desk.DECLARED["full_name"] not in (folder / "pep.jsonl").read_text()
    deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    record.refresh_from_db()
    assert record.state == State.APPROVED


def test_who_may_be_exposed_needs_a_second_reviewer(db: None, folder: Path) -> None:
    say(folder, "pep", clear=False, words="Perhaps a minister.")
    officer = desk.officer()
    record = desk.marked(officer)
    exposed.ask_about_people()
    with pytest.raises(Refused, match="politically exposed"):
        deciding.approve(record, actor=officer, risk=Risk.MEDIUM, code="verified")
    deciding.approve(record, actor=officer, risk=Risk.HIGH, code="verified")
    record.refresh_from_db()
    assert record.state == State.PENDING_SECOND_REVIEW
    answer = exposed.answer_of(record)
    assert answer is not None
    assert (answer.clear, answer.words) == (False, "Perhaps a minister.")


def test_answers_are_taken_for_each_kind_apart(db: None, folder: Path) -> None:
    answers.ask([Question(ProviderKind.ANALYTICS, "same"), Question(ProviderKind.PEP, "same")])
    assert ProviderAnswer.objects.count() == 2
    assert set(answers.latest(ProviderKind.PEP, ["same", "other"])) == {"same"}
