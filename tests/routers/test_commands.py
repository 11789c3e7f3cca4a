"""`manage.py killswitch` and `manage.py breaker`: the back office's acts with everybody present at the prompt."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import recovery
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event
from routers import breakers, killswitch
from routers.models import Breaker, TripCause
from tests.payouts.admin import world
from tests.policies import V0

pytestmark = pytest.mark.django_db

REASON = "the price feed was wrong"


class Terminal:
    """Who sits there, what they type, and what was printed."""

    def __init__(self, people: dict[str, User]) -> None:
        self.people = people
        self.wrong: set[str] = set()
        self.out = StringIO()

    def code(self, question: str) -> str:
        name = question.removesuffix(": ").rpartition(" ")[2]
        return "000000" if name in self.wrong else world.code_of(self.people[name])

    def run(self, *words: str, actor: str | None = "first", **options: Any) -> str:
        call_command(*words, actor=actor, **{"reason": REASON, **options}, stdout=self.out)
        return self.out.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal({name: world.user("admin", name=name) for name in ("first", "second")})
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", made.code)
    monkeypatch.setattr("builtins.input", lambda question: "second")
    return made


def state() -> str:
    return Breaker.objects.get(scope=V0).state


def told() -> list[str]:
    """Both records, which say the same: one entry a fact."""
    entries = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert entries == list(Event.objects.order_by("pk").values_list("type", flat=True))
    return entries


def test_one_pulls_and_two_release(terminal: Terminal) -> None:
    printed = terminal.run("killswitch", "pull")
    assert "nothing is signed and nothing is broadcast" in printed, "what will happen"
    assert f"by first: {REASON}" in printed
    assert killswitch.is_pulled()

    TOTPDevice.objects.update(last_t=-1)
    assert "global: not pulled" in terminal.run("killswitch", "release")
    assert not killswitch.is_pulled()
    assert told() == ["killswitch.pulled", "act.asked", "killswitch.released", "act.confirmed"]
    row = TwoPersonAct.objects.get()
    assert (row.state, row.asked_by, row.confirmed_by) == (
        ActState.CONFIRMED, terminal.people["first"], terminal.people["second"],
    )  # fmt: skip


def test_one_opens_a_breaker_and_two_close_it(terminal: Terminal) -> None:
    assert f"PayoutRouterV0: open since 20" in terminal.run("breaker", "open", V0)  # noqa: F541
    TOTPDevice.objects.update(last_t=-1)
    terminal.run("breaker", "half-open", V0)
    assert state() == "half_open"
    TOTPDevice.objects.update(last_t=-1)
    terminal.run("breaker", "close", V0)
    assert state() == "closed"
    two = ["act.asked", "breaker.half_open", "act.confirmed", "act.asked", "breaker.closed", "act.confirmed"]
    assert told() == ["breaker.opened", *two]


@pytest.mark.parametrize("absent", ["first", "second"])
def test_who_isn_t_there_moves_nothing(terminal: Terminal, absent: str) -> None:
    killswitch.pull(actor=None, reason="a drill")
    terminal.wrong.add(absent)
    before = told()

    with pytest.raises(CommandError, match=f"{absent}: This code is wrong"):
        terminal.run("killswitch", "release")

    assert killswitch.is_pulled()
    assert (told(), TwoPersonAct.objects.count()) == (before, 0)


def test_a_stop_takes_a_code_too(terminal: Terminal) -> None:
    terminal.wrong.add("first")
    with pytest.raises(CommandError, match="This code is wrong"):
        terminal.run("killswitch", "pull")
    assert not killswitch.is_pulled()


def test_a_recovery_code_counts_where_the_phone_is_lost(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = recovery.renew(terminal.people["first"])[0]
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", lambda question: code)
    terminal.run("killswitch", "pull")
    assert killswitch.is_pulled()


def test_who_has_no_authenticator_moves_nothing(terminal: Terminal) -> None:
    TOTPDevice.objects.all().delete()
    with pytest.raises(CommandError, match="has no authenticator"):
        terminal.run("killswitch", "pull")
    assert not killswitch.is_pulled()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"reason": None}, "reason of 10 to 300"),
        ({"reason": "short"}, "reason of 10 to 300"),
        ({"actor": None}, "--actor"),
        ({"actor": "nobody"}, "--actor"),
        ({"actor": "service"}, "service: This account"),
        ({"actor": "auditor"}, "auditor: The role auditor"),
        ({"actor": "gone"}, "gone: Log in"),
        ({"second": "first"}, "--second: another person"),
        ({"second": "nobody"}, "--second"),
        ({"second": "auditor"}, "auditor: The role auditor"),
    ],
)
def test_what_is_missing_is_named_and_nothing_happens(
    terminal: Terminal, options: dict[str, Any], named: str
) -> None:
    world.user("service")
    world.user("auditor")
    User.objects.create_user("gone", role="admin", is_active=False)
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")
    before = told()

    with pytest.raises(CommandError, match=named):
        terminal.run("breaker", "close", V0, **options)

    assert (state(), told(), TwoPersonAct.objects.count()) == ("open", before, 0)


def test_what_is_so_already_is_said(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match="It is closed"):
        terminal.run("breaker", "close", V0)
    with pytest.raises(CommandError, match="isn't pulled"):
        terminal.run("killswitch", "release")
    with pytest.raises(CommandError, match="Name the router"):
        terminal.run("breaker", "open")
    assert told() == []


def test_what_changed_while_the_codes_were_typed_is_not_done(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    killswitch.pull(actor=None, reason="a drill")

    def typing(question: str) -> str:
        if "second" in question:
            killswitch.release(
                actor=terminal.people["second"], second=terminal.people["first"], reason="over"
            )
            killswitch.pull(actor=None, reason="a real one")
        return terminal.code(question)

    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", typing)
    with pytest.raises(CommandError, match="changed since you looked"):
        terminal.run("killswitch", "release")
    assert killswitch.is_pulled()
    assert not TwoPersonAct.objects.exists()


def test_looking_takes_nobody() -> None:
    out = StringIO()
    call_command("killswitch", "status", stdout=out)
    call_command("breaker", "status", stdout=out)
    assert out.getvalue().count("not pulled") == 3
    assert "PayoutRouterKYC: closed" in out.getvalue()
