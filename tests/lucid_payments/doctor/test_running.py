"""Data, chain, work and people: each check finds what it is there for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from lucid_payments import clock, privileges
from lucid_payments.audit import log
from lucid_payments.celery import app as celery_app
from lucid_payments.doctor import chain as nodes_
from lucid_payments.doctor import data, people, work
from lucid_payments.doctor.examination import Verdict
from payouts import alarms, chain
from payouts.models import ChainState, SignerState
from payouts.tron.errors import NodeError
from payouts.tron.signing.journal import GENESIS, chained_digest
from routers import killswitch
from tests.lucid_payments.doctor.test_setup import told, words
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def running() -> None:
    """What a deployment in its best days has written of itself."""
    now = clock.now()
    ChainState.objects.filter(pk=1).update(
        read_at=now, treasury_read_at=now, treasury_usdt=5_000_000, treasury_trx=9_000_000, operators_usable=2
    )
    SignerState.objects.filter(pk=1).update(heartbeat_at=now, locked_reason="")
    for name in ("admin", "second_admin"):
        world.user("admin", name=name)


ASKED = (
    data.database, data.role, data.durability, data.migrations, data.history, data.broker, data.counters,
    work.watcher, work.signer, work.treasury, work.stops, work.audit_log, people.administrators,
)  # fmt: skip


@pytest.mark.usefixtures("running")
def test_nothing_is_wrong_with_a_deployment_in_its_best_days() -> None:
    found = {ask.__name__: words(ask, Verdict.WRONG) for ask in ASKED}

    # The tests' database is faster and less durable than any deployment's may be.
    assert "fsync" in found.pop("durability")
    assert set(found.values()) == {""}


def test_a_database_that_doesnt_answer_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def cursor() -> Any:
        raise OSError("connection refused\nIs the server running?")

    monkeypatch.setattr(data, "connection", SimpleNamespace(cursor=cursor))

    assert words(data.database, Verdict.WRONG) == "The database doesn't answer: connection refused"


def test_an_old_postgresql_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "OLDEST", 990_000)

    assert "is too old" in words(data.database, Verdict.WRONG)


def test_a_role_that_rights_arent_given_to_is_told_of(settings: Settings) -> None:
    settings.DATABASE_APP_ROLE = "another"

    assert "rights are given to another" in words(data.role, Verdict.LOOK)


def test_a_superuser_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(execute=lambda *given: None, fetchone=lambda: ("postgres", True))
    monkeypatch.setattr(data, "connection", SimpleNamespace(cursor=lambda: _context(answer)))

    assert "postgres is a superuser" in words(data.role, Verdict.WRONG)


class _context:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __enter__(self) -> Any:
        return self.value

    def __exit__(self, *exc: object) -> None:
        pass


def test_a_migration_that_is_missing_is_wrong() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE (app, name) IN"
            " (SELECT app, name FROM django_migrations WHERE app = 'payouts' ORDER BY name DESC LIMIT 1)"
        )

    assert words(data.migrations, Verdict.WRONG).startswith("1 migrations of this release aren't in")


def test_a_table_of_history_that_may_be_changed_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """`django_session` is one that our role may change."""
    monkeypatch.setattr(privileges, "append_only_tables", lambda: ["audit_auditentry", "django_session"])

    assert "1 tables whose rows must stay, django_session" in words(data.history, Verdict.WRONG)


def test_a_broker_that_is_away_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**options: Any) -> Any:
        raise ConnectionRefusedError

    monkeypatch.setattr(celery_app, "connection_for_write", away)

    assert "ConnectionRefusedError" in words(data.broker, Verdict.WRONG)


def test_a_cache_that_forgets_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    client = SimpleNamespace(info=lambda part: {"maxmemory_policy": "allkeys-lru"})
    monkeypatch.setattr(data, "cache", SimpleNamespace(_cache=SimpleNamespace(get_client=lambda: client)))

    assert "(allkeys-lru)" in words(data.counters, Verdict.LOOK)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"read_at": None}, "The chain was never read."),
        ({"read_at": "old"}, "stands still"),
        ({"clock_trips": 2}, "differ by more than a minute"),
    ],
)
def test_a_chain_that_nobody_watches_is_wrong(changed: dict[str, Any], sentence: str) -> None:
    if changed.get("read_at") == "old":
        changed = {"read_at": clock.now() - timedelta(minutes=5)}
    ChainState.objects.filter(pk=1).update(**changed)

    assert sentence in words(work.watcher, Verdict.WRONG)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"heartbeat_at": None}, "no sign of life."),
        ({"heartbeat_at": "old"}, "no sign of life since 2 hours"),
        ({"locked_reason": "the journal is another one"}, "locked: the journal is another one"),
    ],
)
def test_a_signer_that_cant_sign_is_wrong(changed: dict[str, Any], sentence: str) -> None:
    if changed.get("heartbeat_at") == "old":
        changed = {"heartbeat_at": clock.now() - timedelta(hours=2)}
    SignerState.objects.filter(pk=1).update(**changed)

    assert sentence in words(work.signer, Verdict.WRONG)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("empty", ["treasury_usdt", "treasury_trx"])
def test_an_empty_treasury_is_wrong(empty: str) -> None:
    ChainState.objects.filter(pk=1).update(**{empty: 0})

    assert "holds" in words(work.treasury, Verdict.WRONG)


@pytest.mark.usefixtures("running")
def test_money_that_nobody_can_explain_is_wrong() -> None:
    ChainState.objects.filter(pk=1).update(statement_detail="5 USDT left the treasury.")

    assert "5 USDT left" in words(work.treasury, Verdict.WRONG)


@pytest.mark.usefixtures("running")
def test_a_kill_switch_and_an_alarm_are_told_of() -> None:
    alarms.raise_alarm("nodes", "One of two operators can be used.")
    killswitch.pull(actor=None, reason="a drill")

    found = words(work.stops, Verdict.LOOK)

    assert "kill switch is pulled" in found
    assert "One of two operators" in found


@pytest.mark.usefixtures("running")
def test_a_log_that_nobody_seals_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    log.record("doctor.tried", actor="a test")
    assert words(work.audit_log, Verdict.WRONG) == ""

    monkeypatch.setattr(work, "SEALED_AFTER", timedelta(seconds=-1))

    assert "isn't sealed since" in words(work.audit_log, Verdict.WRONG)


@pytest.fixture
def journal(tmp_path: Path, settings: Settings) -> Path:
    head, lines = GENESIS, []
    for number in range(3):
        body = b'{"seq": %d}' % number
        head = chained_digest(head, body)
        lines.append(head.encode() + b" " + body + b"\n")
    file = tmp_path / "signer.journal"
    file.write_bytes(b"".join(lines) + b"an unfinished li")
    settings.SIGNER_JOURNAL_FILE = str(file)
    return file


def test_a_whole_journal_is_right_and_stays_as_it_is(journal: Path) -> None:
    before = journal.read_bytes()

    assert words(work.journal, Verdict.RIGHT) == "The journal is whole: 3 signatures."
    assert journal.read_bytes() == before


def test_a_journal_that_was_altered_is_wrong(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"seq": 1', b'"seq": 7'))

    assert "altered at line 2" in words(work.journal, Verdict.WRONG)


def test_caps_that_were_altered_are_wrong(journal: Path) -> None:
    journal.with_name(journal.name + ".caps").write_text("0 {}\n")

    assert "The signer's caps" in words(work.beside_the_journal, Verdict.WRONG)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_administrators_are_wrong(count: int) -> None:
    for number in range(count):
        world.user("admin", name=f"admin{number}")

    assert f"There are {count} administrators" in words(people.administrators, Verdict.WRONG)


def test_administrators_without_a_second_factor_are_wrong() -> None:
    world.user("admin", name="one")
    world.user("admin", name="two", second_factor=False)

    assert "Of 2 administrators 1 have" in words(people.administrators, Verdict.WRONG)


def test_a_list_that_was_never_put_in_force_is_wrong(settings: Settings) -> None:
    settings.SCREENING_LISTS = [{"name": "ofac", "format": "lines"}]

    assert "ofac was never put in force" in words(people.lists, Verdict.WRONG)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> dict[str, Any]:
    """What each node of a pool answers: operator and age of its head in seconds, or its error."""
    answers: dict[str, Any] = {"one": ("first", 3), "two": ("second", 3)}

    def every(call: Callable[..., Any], *, quarantined: bool) -> dict[str, Any]:
        now_ms = time.time_ns() // 1_000_000
        return {
            name: told if isinstance(told, NodeError) else (told[0], now_ms - 1000 * told[1])
            for name, told in answers.items()
        }

    settings.TRON_NODES = [{"name": "one"}, {"name": "two"}]
    settings.SIGNER_JOURNAL_FILE = ""
    monkeypatch.setattr(chain, "pool", lambda: SimpleNamespace(every=every))
    monkeypatch.setattr(chain, "required_operators", lambda: 2)
    return answers


def test_nodes_that_answer_are_right(pool: dict[str, Any]) -> None:
    assert words(nodes_.nodes, Verdict.RIGHT).count("answers") == 2
    assert {one.verdict for one in told(nodes_.nodes)} == {Verdict.RIGHT}


@pytest.mark.parametrize(("age", "sentence"), [(300, "it lags"), (-300, "our clock is behind")])
def test_a_head_that_isnt_of_now_is_wrong(pool: dict[str, Any], age: int, sentence: str) -> None:
    pool["one"] = ("first", age)

    assert sentence in words(nodes_.nodes, Verdict.WRONG)


def test_a_node_that_is_away_is_named_and_one_operator_is_too_few(pool: dict[str, Any]) -> None:
    pool["one"] = NodeError("TIMEOUT", "It took longer than 10 s.")

    assert "The node one gives no answer: It took" in words(nodes_.nodes, Verdict.LOOK)
    assert "Nodes of 1 operators answer, and 2 must agree" in words(nodes_.nodes, Verdict.WRONG)
