"""One limit of one client, raised by staff: from the next request on, until it ends or is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.api import raised_limits
from lucid_payments.audit.models import AuditEntry
from tests.api_client import ApiClient
from tests.lucid_payments.backoffice.people import REASON, Desk, desk


@pytest.fixture
def admin(db: None) -> Desk:
    return desk()


def limit(user: User, path: str = "/payouts") -> str:
    return str(ApiClient(user).get(path).headers["X-RateLimit-Limit"])


def change(admin: Desk, user: User, a_minute: Any, until: str = "", endpoint: str = "GET /payouts") -> Any:
    answers = {"endpoint": endpoint, "a_minute": str(a_minute), "until": until}
    return admin.act("client.limit", user, **answers)


def test_it_holds_from_the_next_request_on_and_there_alone(admin: Desk, user: User) -> None:
    assert limit(user) == "30"
    assert change(admin, user, 500).status_code == 302
    assert (limit(user), limit(user, "/payouts/payout_a"), limit(user, "/stats")) == ("500", "60", "20")
    assert limit(User.objects.create_user("other", role="service")) == "30"
    page = admin.client.get(f"/admin/accounts/client/{user.public_id}/").content.decode()
    assert "500 a minute" in page
    entry = AuditEntry.objects.get(action="client.limit_changed")
    assert entry.actor_label == "admin"
    assert entry.details == {
        "endpoint": "GET /payouts", "before": None, "after": {"a_minute": 500, "until": None}, "reason": REASON,
    }  # fmt: skip


def test_it_lets_so_many_through_and_not_one_more(admin: Desk, user: User, monkeypatch: Any) -> None:
    now = timezone.now().timestamp()
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: now)
    change(admin, user, 23, endpoint="GET /stats")
    statuses = [ApiClient(user).get("/stats").status for _ in range(24)]
    assert statuses == [200] * 23 + [429]


def test_it_ends_with_its_last_day(admin: Desk, user: User) -> None:
    day = timezone.now().date() + timedelta(days=3)
    assert change(admin, user, 500, until=f"{day}").status_code == 302
    user.refresh_from_db()
    (raised,) = raised_limits.of(user)
    assert raised.until == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert limit(user) == "500"
    ended = {"GET /payouts": {"a_minute": 500, "until": timezone.now().isoformat()}}
    User.objects.filter(pk=user.pk).update(raised_limits=ended)
    assert limit(user) == "30"


def test_it_is_taken_back(admin: Desk, user: User) -> None:
    change(admin, user, 500)
    assert change(admin, user, "").status_code == 302
    assert limit(user) == "30"
    assert change(admin, user, "").status_code == 409


@pytest.mark.parametrize(
    ("a_minute", "until", "endpoint", "status"),
    [
        (30, "", "GET /payouts", 409),
        (0, "", "GET /payouts", 200),
        (500, "2020-01-01", "GET /payouts", 200),
        (500, "", "GET /nowhere", 200),
        (500, "", "GET /health", 200),
        (500, "", "POST /auth/token", 200),
    ],
)
def test_what_raises_nothing_changes_nothing(
    admin: Desk, user: User, a_minute: int, until: str, endpoint: str, status: int
) -> None:
    assert change(admin, user, a_minute, until, endpoint).status_code == status
    user.refresh_from_db()
    assert user.raised_limits == {}
    assert not AuditEntry.objects.filter(action="client.limit_changed").exists()


def test_every_endpoint_with_a_token_can_be_chosen(db: None) -> None:
    offered = raised_limits.endpoints()
    assert offered["POST /payouts"] == 10
    assert offered["GET /payouts/{payout_id}"] == 60
    assert offered["POST /payouts/batch"] == 5
    assert not [name for name in offered if "/auth/" in name or "/health" in name]


def test_administrators_alone_raise(user: User) -> None:
    assert change(desk("auditor"), user, 500).status_code == 403
    assert limit(user) == "30"
