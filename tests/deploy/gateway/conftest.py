"""The real web on a Unix socket, the real HAProxy in front of it, once for a module; and one in front of a stand-in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.gateway import issuers
from tests.conftest import DATABASES, SERVERS
from tests.deploy.gateway.house import Gateway, a_door, gateway, service, short_folder
from tests.deploy.gateway.upstream import Upstream, upstream
from tests.harness import environment
from tests.lucid_payments.accounts.issuer import OutsideIssuer

MakeUser = Callable[[], User]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture(scope="module")
def module_settings() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def outside(place: Path, module_settings: pytest.MonkeyPatch) -> OutsideIssuer:
    """Blockchain Core's log-in, whose tokens are believed too."""
    issuer = OutsideIssuer(place)
    module_settings.setattr(settings, "JWT_OUTSIDE_ISSUERS", [issuer.setting()])
    return issuer


@pytest.fixture(scope="module")
def house(
    servers: Any,
    place: Path,
    outside: OutsideIssuer,
    django_db_blocker: Any,
    module_settings: pytest.MonkeyPatch,
) -> Iterator[Gateway]:
    """The whole thing, on a database of its own; no TRON node is configured, so the chain is away all the time."""
    with DATABASES.clone() as name, django_db_blocker.unblock():
        connection.close()
        module_settings.setitem(connections.databases["default"], "NAME", name)
        module_settings.setenv("DATABASE_URL", environment.with_database(SERVERS.app_url, name))
        module_settings.setenv("JWT_OUTSIDE_ISSUERS", json.dumps([outside.setting()]))
        believed, problems = issuers.believed()
        assert problems == []
        # Asked seldom whether it is ready: how slow its answers are on this machine is nobody's matter here.
        door = partial(a_door, place, check_every=10_000)
        with service(place) as path, gateway(place, door(path), believed) as made:
            yield made
        connections.close_all()


@pytest.fixture(scope="module")
def impatient(house: Gateway, place: Path) -> Iterator[Gateway]:
    """A second one before the same service, which waits a second for a request."""
    own = place / "impatient"
    own.mkdir()
    believed, _ = issuers.believed()
    with gateway(own, a_door(own, Path(house.door.service_socket), patience=1), believed) as made:
        yield made


@pytest.fixture
def user(house: Gateway) -> User:
    return User.objects.create_user(f"client-{uuid.uuid4().hex[:12]}", role="service")


@pytest.fixture
def bearer(user: User) -> str:
    """A header with a good token."""
    return f"Authorization: Bearer {issue(AccessToken, user)}"


@pytest.fixture(scope="module")
def stand_in(servers: Any, place: Path) -> Iterator[tuple[Gateway, Upstream]]:
    """HAProxy in front of a service that does as it is told."""
    believed, _ = issuers.believed()
    with upstream(place / "told.sock") as told:
        door = a_door(place / "second", told.path)
        (place / "second").mkdir()
        with gateway(place / "second", door, believed) as made:
            yield made, told
