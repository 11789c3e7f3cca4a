"""A machine that reserves, pays, gives back, waives, moves caps and lets time pass, beside books of its own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lucid_payments import clock
from routers import limits
from routers.limits import Claim, Slot
from routers.models import LimitWindow
from tests.kyc.attestations import WALLET, attest
from tests.policies import KYC, V0, administrators, set_policy

START = datetime(2026, 12, 31, 21, 40, tzinfo=UTC)
CAPS = {"hour": 30, "day": 50}
ROUTER_CAPS = {V0: {"hour": 20, "day": 35}, KYC: {"hour": 25, "day": 45}}
RECIPIENT, CREATOR = 17, 28
# Of one node the day is the narrow one, of the other the month.
ATTESTED = {
    "n1": {"per_payout": 18, "day": 12, "month": 40},
    "n2": {"per_payout": 9, "day": 40, "month": 12},
}


class Windows(RuleBasedStateMachine):
    """Everything happens in one transaction that is rolled back at the end."""

    @initialize()
    def begin(self) -> None:
        self.block = transaction.atomic()
        self.block.__enter__()
        self.now = START
        clock.freeze(START)
        self.caps = {"": dict(CAPS), **{router: dict(caps) for router, caps in ROUTER_CAPS.items()}}
        self.attested = {subject: dict(limits_of_it) for subject, limits_of_it in ATTESTED.items()}
        for subject, limits_of_it in ATTESTED.items():
            attest(subject, wallet=WALLET, **limits_of_it)
        self.used: Counter[tuple[str, str, datetime]] = Counter()
        self.waived: Counter[tuple[str, str, datetime]] = Counter()
        self.open: list[tuple[list[int], int, list[tuple[str, str, datetime]]]] = []
        for scope, caps in (("global", CAPS), *ROUTER_CAPS.items()):
            more: dict[str, Any] = {"creator_limits": {"service": CREATOR}}
            if scope != "global":
                more = {"recipient_limit": RECIPIENT}
            set_policy(scope, hourly_limit=caps["hour"], daily_limit=caps["day"], **more)

    def teardown(self) -> None:
        if hasattr(self, "block"):
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    @rule(
        router=st.sampled_from([V0, KYC]),
        recipient=st.sampled_from(["T1", "T2"]),
        creator=st.sampled_from([1, 2]),
        subject=st.sampled_from([*ATTESTED, ""]),
        amount=st.integers(1, 20),
    )
    def release(self, router: str, recipient: str, creator: int, subject: str, amount: int) -> None:
        subject = subject if router == KYC else ""
        claim = Claim(router, recipient, creator, "service", amount, subject)
        names = self.windows_of(claim)
        fits = all(self.used[name] + amount <= self.cap(name) + self.waived[name] for name in names)
        fits = fits and (not subject or amount <= self.attested[subject]["per_payout"])
        room = limits.locked_room(self.now, [claim])
        assert (room.refusal(claim) is None) == fits, (claim, self.used)
        if fits:
            pks = room.take(claim)
            limits.reserve(room)
            self.used.update(dict.fromkeys(names, amount))
            self.open.append((pks, amount, names))

    @rule(paid=st.booleans(), which=st.integers(0, 100))
    def settle(self, paid: bool, which: int) -> None:
        if not self.open:
            return
        pks, amount, names = self.open.pop(which % len(self.open))
        if paid:
            limits.post([(pks, amount)])
        else:
            limits.give_back([(pks, amount)])
            self.used.subtract(dict.fromkeys(names, amount))

    @rule(
        subject=st.sampled_from(list(ATTESTED)),
        limit=st.sampled_from(["per_payout", "day", "month"]),
        units=st.integers(0, 40),
    )
    def attest_anew(self, subject: str, limit: str, units: int) -> None:
        self.attested[subject][limit] = units
        attest(subject, wallet=WALLET, **self.attested[subject])

    @rule(hours=st.sampled_from([1, 2, 26]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        clock.freeze(self.now)

    @rule(scope=st.sampled_from(["", V0]), period=st.sampled_from(["hour", "day"]), cap=st.integers(0, 60))
    def move_a_cap(self, scope: str, period: str, cap: int) -> None:
        self.caps[scope][period] = cap
        set_policy(scope or "global", **{"hourly_limit" if period == "hour" else "daily_limit": cap})

    @rule(scope=st.sampled_from(["", V0]), period=st.sampled_from(["hour", "day"]), amount=st.integers(1, 15))
    def waive(self, scope: str, period: str, amount: int) -> None:
        first, second = administrators()
        start = limits.starts_of(self.now)[period]
        slot = Slot(period, start, "router" if scope else "global", scope)
        limits.waive(slot, amount, actor=first, second=second, reason="twenty characters are enough")
        self.waived[period, scope, start] += amount

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "used"):
            return
        held: Counter[tuple[str, str, datetime]] = Counter()
        for _, amount, names in self.open:
            held.update(dict.fromkeys(names, amount))
        for window in LimitWindow.objects.all():
            name = (window.period, window.key, window.starts_at.astimezone(UTC))
            assert window.used == self.used[name], name
            assert window.reserved == held[name], name

    def windows_of(self, claim: Claim) -> list[tuple[str, str, datetime]]:
        """Independent of the code under test: by the words of the rule."""
        hour = self.now.replace(minute=0)
        day = hour.replace(hour=0)
        recipient, creator = f"{claim.router} {claim.recipient}", str(claim.creator)
        daily = [("day", key, day) for key in ("", claim.router, recipient, creator)]
        if claim.subject:
            daily += [("day", claim.subject, day), ("month", claim.subject, day.replace(day=1))]
        return [*daily, ("hour", "", hour), ("hour", claim.router, hour)]

    def cap(self, name: tuple[str, str, datetime]) -> int:
        period, key, _ = name
        if key in self.caps:
            return self.caps[key][period]
        if key in self.attested:
            return self.attested[key][period]
        return RECIPIENT if " " in key else CREATOR
