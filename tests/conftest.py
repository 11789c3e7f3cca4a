"""The tests' house: real PostgreSQL and Valkey, connected as the application's role, never flushed.

- `db` (or the `django_db` mark): each test in a transaction that is rolled back; `lucid_app`'s rights apply.
- `cloned_database`: a database of the test's own, for what commits: races, threads, subprocesses.
  `transactional_db`, and so `live_server`, is the same thing. Django's flush is a TRUNCATE, which the
  append-only triggers refuse, so `django_db(transaction=True)` is refused here.
- `servers`: just the servers, for tests that need the broker or the cache and no database.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import coverage
import hypothesis
import pytest

from tests.harness import environment

# How fast a machine draws or runs an example is no property of the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

# Tests that drive everything at once. Watching each line of theirs costs a third of the suite's time and says
# little: coverage is what the rooms' own tests reach.
UNWATCHED = tuple(
    f"tests/{folder}/"
    for folder in ("browser", "contract", "deploy", "embedded", "faults", "load", "payouts/flow")
)

SERVERS = environment.prepare()

import django  # noqa: E402 - the settings read what was just prepared
from django.db import connection, connections  # noqa: E402
from django.test import override_settings  # noqa: E402

django.setup()

from tests.harness.databases import TestDatabases  # noqa: E402

DATABASES = TestDatabases(SERVERS)
# pytest-django loads xdist's workers' settings before this file, with the first process's database.
connections.databases["default"]["NAME"] = DATABASES.worker_database


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start for xdist's workers before they exist; a plain run starts when its first test asks."""
    is_controller = "PYTEST_XDIST_WORKER" not in os.environ
    if is_controller and getattr(session.config.option, "numprocesses", None):
        DATABASES.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    DATABASES.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("django_db")
        if mark and mark.kwargs.get("transaction"):
            raise pytest.UsageError(
                f"{item.nodeid}: use the fixture `cloned_database` instead of django_db(transaction=True)."
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    watch = coverage.Coverage.current()
    if watch is None or not item.nodeid.startswith(UNWATCHED):
        return (yield)
    watch.stop()
    try:
        return (yield)
    finally:
        watch.start()


@pytest.fixture(scope="session")
def servers() -> environment.TestServers:
    """PostgreSQL and Valkey, running."""
    DATABASES.start()
    return SERVERS


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """This worker's own database is named above."""


@pytest.fixture(scope="session")
def django_db_setup(servers: environment.TestServers) -> Iterator[None]:
    """This worker's copy of the template."""
    DATABASES.create_for_worker()
    yield
    connections.close_all()
    DATABASES.drop_for_worker()


@pytest.fixture
def cloned_database(
    request: pytest.FixtureRequest, servers: environment.TestServers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a fresh database that Django's default connection points at, in every thread.

    Subprocesses find it in `DATABASE_URL`. A thread that a test starts closes its connection at its end.
    """
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        raise pytest.UsageError("`cloned_database` replaces `db`: a test takes one of them.")
    blocker = request.getfixturevalue("django_db_blocker")
    with DATABASES.clone() as name, blocker.unblock():
        connection.close()
        monkeypatch.setitem(connections.databases["default"], "NAME", name)
        monkeypatch.setenv("DATABASE_URL", environment.with_database(SERVERS.app_url, name))
        yield name
        connections.close_all()
        monkeypatch.undo()


@pytest.fixture(autouse=True)
def counted_alone() -> Iterator[None]:
    """A test's requests count against limits for it alone: users of other tests have the same numbers.

    Its subprocesses count in this worker's cache, see `environment`. Not by the fixture `settings`, whose name some
    folders give to settings of their own.
    """
    with override_settings(RATELIMIT_CACHE_PREFIX=uuid.uuid4().hex):
        yield


@pytest.fixture
def transactional_db(cloned_database: str) -> None:
    """What pytest-django's `live_server` asks for, without its flush."""
