"""Any order of releases, settlements, waivers, caps and hours; and twelve threads at one window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from routers import limits
from routers.limits import Claim, Room, gate, windows
from routers.models import LimitWindow
from tests.policies import V0, set_policy
from tests.routers.machine import Windows

NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
Patch = Callable[[pytest.MonkeyPatch], None]


def play(examples: int, *phases: Phase) -> None:
    run_state_machine_as_test(
        Windows,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, database=None, derandomize=True,
            suppress_health_check=QUIET, phases=phases or tuple(Phase), print_blob=False,
        ),
    )  # fmt: skip


def test_no_order_of_acts_passes_a_cap_or_loses_an_amount(db: None) -> None:
    play(40)


@pytest.mark.prove
def test_no_order_of_acts_passes_a_cap_or_loses_an_amount_at_length(db: None) -> None:
    play(2_000)


def _change_slots(change: Callable[[dict[Any, int]], dict[Any, int]]) -> Patch:
    real = windows.slots_of
    return lambda patch: patch.setattr(windows, "slots_of", lambda *asked: change(real(*asked)))


def _rename(**fields: Callable[[Any], Any]) -> Callable[[dict[Any, int]], dict[Any, int]]:
    def changed(slot: Any) -> Any:
        values = {name: getattr(slot, name) for name in ("period", "starts_at", "scope", "key")}
        return limits.Slot(**{**values, **{name: change(slot) for name, change in fields.items()}})

    return lambda slots: {changed(slot): cap for slot, cap in slots.items()}


def _without(scope: str, period: str) -> Callable[[dict[Any, int]], dict[Any, int]]:
    return lambda slots: {s: cap for s, cap in slots.items() if (s.scope, s.period) != (scope, period)}


def _settles(change: Callable[[Any, bool], tuple[Any, bool]]) -> Patch:
    real = gate._settle

    def settle(amounts: Any, *, paid: bool) -> None:
        given, as_paid = change(amounts, paid)
        real(given, paid=as_paid)

    return lambda patch: patch.setattr(gate, "_settle", settle)


def _forget_waivers(patch: pytest.MonkeyPatch) -> None:
    real = windows.lock

    def lock(caps: Any) -> Any:
        found = real(caps)
        for window in found.values():
            window.waived = 0
        return found

    patch.setattr(windows, "lock", lock)


def _one_unit_early(patch: pytest.MonkeyPatch) -> None:
    real = Room.refusal
    patch.setattr(Room, "refusal", lambda self, claim: real(self, replace(claim, amount=claim.amount + 1)))


def _forget_per_payout(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gate, "_above", lambda limit, amount: False)


def _reserve_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits, "reserve", lambda room: None)


def _never_refuse(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Room, "refusal", lambda self, claim: None)


MUTANTS: dict[str, Patch] = {
    "never refuses": _never_refuse,
    "refuses what fits to the unit": _one_unit_early,
    "books nothing": _reserve_nothing,
    "forgets waivers": _forget_waivers,
    "forgets the global hour": _change_slots(_without("global", "hour")),
    "forgets the router's day": _change_slots(_without("router", "day")),
    "forgets recipients": _change_slots(_without("recipient", "day")),
    "forgets creators": _change_slots(_without("creator", "day")),
    "forgets a subject's day": _change_slots(_without("subject", "day")),
    "forgets a subject's month": _change_slots(_without("subject", "month")),
    "counts a subject's month with every other's": _change_slots(
        _rename(key=lambda s: "n1" if (s.scope, s.period) == ("subject", "month") else s.key)
    ),
    "a month that never ends": _change_slots(
        _rename(
            starts_at=lambda s: (
                s.starts_at.replace(month=1, year=2026) if s.period == "month" else s.starts_at
            )
        )
    ),
    "asks no attestation what one payout may be": _forget_per_payout,
    "counts a recipient over both routers": _change_slots(
        _rename(key=lambda s: s.key.partition(" ")[2] or s.key)
    ),
    "a day that begins an hour late": _change_slots(
        _rename(starts_at=lambda s: s.starts_at + timedelta(hours=s.period == "day"))
    ),
    "gives back what was paid": _settles(lambda amounts, paid: (amounts, False)),
    "posts what was given back": _settles(lambda amounts, paid: (amounts, True)),
    "gives back a unit too few": _settles(
        lambda amounts, paid: (type(amounts)({pk: amount - 1 for pk, amount in amounts.items()}), paid)
    ),
    "settles one window too few": _settles(
        lambda amounts, paid: (type(amounts)(dict(list(amounts.items())[1:])), paid)
    ),
}


@pytest.mark.prove
@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_caught(db: None, monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    MUTANTS[mutant](monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011 - an assertion, or the database's own refusal
        play(200, Phase.generate)


def race(turns: int) -> None:
    """Twelve threads release 48 payouts of 5 units against an hour with room for 20 of them."""
    set_policy(V0, hourly_limit=100, daily_limit=10**12, recipient_limit=10**12)
    set_policy(hourly_limit=10**9, daily_limit=10**12, creator_limits={})
    with ThreadPoolExecutor(12) as threads:
        for turn in range(turns):
            at = NOON + timedelta(hours=turn)
            released = list(threads.map(lambda n, at=at: release_some(n, at), range(12)))
            hour = LimitWindow.objects.get(
                scope="router", key=V0, period="hour", starts_at=limits.starts_of(at)["hour"]
            )
            assert sum(map(sum, released)) == hour.reserved == 100
        list(threads.map(lambda _: connections.close_all(), range(12)))


def release_some(number: int, at: datetime) -> list[int]:
    gone = []
    for _ in range(4):
        claim = Claim(V0, f"T{number % 3}", number, "service", 5)
        with transaction.atomic():
            found = limits.locked_room(at, [claim])
            if found.refusal(claim) is None:
                found.take(claim)
                limits.reserve(found)
                gone.append(claim.amount)
    return gone


def test_twelve_threads_fill_a_window_exactly(cloned_database: str) -> None:
    race(10)


@pytest.mark.prove
def test_twelve_threads_fill_a_window_exactly_two_hundred_times(cloned_database: str) -> None:
    race(200)
