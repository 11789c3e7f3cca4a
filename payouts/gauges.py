"""What Prometheus may know of treasury, chain, signer and of what is on its way: read from the database when it asks.

Ages are by the one clock; amounts become floats because Prometheus knows nothing else: the books are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments import clock
from lucid_payments.money import to_decimal
from payouts import ledger, lookout, runway, treasury_keys
from payouts.models.attempt import IN_FLIGHT, UNRESOLVED, Attempt, AttemptState
from payouts.models.cases import CaseKind, ManualCase
from payouts.models.chain import Alarm, ChainState, SignerState
from payouts.models.payout import Payout, PayoutStatus
from payouts.runway import Runway
from payouts.sweeps import outstanding


class StateCollector(Collector):
    """Gauges of the database's state: every process would say the same, whichever is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        state = ChainState.objects.filter(pk=1).first()
        if state is not None:
            yield from _chain(state, now)
            if state.treasury_read_at is not None:
                yield from _treasury(state, now)
        yield from _signer(now)
        yield from _under_way(now)
        yield from _for_people()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _age(name: str, text: str, since: datetime | None, now: datetime) -> Iterator[Metric]:
    """Nothing where it never was; at least 0."""
    if since is not None:
        yield _gauge(name, text, max(0.0, (now - since).total_seconds()))


def _chain(state: ChainState, now: datetime) -> Iterator[Metric]:
    configured = {str(node["operator"]) for node in settings.TRON_NODES}
    yield _gauge("tron_node_operators_usable", "Node operators that can be asked", state.operators_usable)
    yield _gauge("tron_node_operators_required", "Operators that must agree", min(2, len(configured)))
    yield _gauge("tron_clock_trips", "Readings in a row by which our clock is off", state.clock_trips)
    yield from _age("tron_chain_read_age_seconds", "Since the chain was last read", state.read_at, now)
    if state.read_at is not None:
        ahead = (state.read_at - clock.from_ms(state.head_time_ms)).total_seconds()
        yield _gauge("tron_clock_difference_seconds", "Our clock less the head's, when last read", ahead)
        behind = (state.head_time_ms - state.solid_time_ms) / 1000
        yield _gauge("tron_chain_solid_behind_seconds", "The final block's time behind the head's", behind)


def _treasury(state: ChainState, now: datetime) -> Iterator[Metric]:
    known = Runway.of(state, ledger.treasury_balance(), now)
    yield from _age("tron_treasury_read_age_seconds", "Since it was last read", state.treasury_read_at, now)
    usdt, limit = to_decimal(state.treasury_usdt), to_decimal(runway.hot_limit())
    yield _gauge("tron_treasury_usdt", "USDT of the treasury on chain", float(usdt))
    yield _gauge(
        "tron_treasury_hot_limit_usdt", "USDT that the hot treasury should hold at most", float(limit)
    )
    yield _gauge("tron_treasury_trx", "TRX of the treasury on chain", float(to_decimal(state.treasury_trx)))
    yield _gauge("tron_treasury_energy", "Energy at hand, staked or rented", state.energy_left)
    lasts = GaugeMetricFamily(
        "tron_treasury_runway_hours", "Hours that it lasts at the last day's pace", labels=["asset"]
    )
    # An alert by it asks for a top-up: not of a key that nobody should pay to.
    told = not outstanding.is_to_stay_empty(treasury_keys.current())
    for asset, hours in (
        ("usdt", known.usdt_hours),
        ("trx", known.trx_hours),
        ("energy", known.energy_hours),
    ):
        if told and hours is not None:
            lasts.add_metric([asset], hours)
    yield lasts


def _signer(now: datetime) -> Iterator[Metric]:
    signer = SignerState.objects.filter(pk=1).first()
    if signer is not None:
        yield from _age(
            "tron_signer_age_seconds", "Since the signer's last sign of life", signer.heartbeat_at, now
        )
        yield _gauge("tron_signer_locked", "1 while the signer may not sign", int(bool(signer.locked_reason)))


def _under_way(now: datetime) -> Iterator[Metric]:
    """What is reserved or signed and not yet decided, and what could go and doesn't."""
    flying = Attempt.objects.filter(state__in=IN_FLIGHT).count()
    yield _gauge("tron_in_flight_count", "Payouts released and not yet seen in a block", flying)
    unresolved = (*UNRESOLVED, AttemptState.PREPARED)
    oldest = Attempt.objects.filter(state__in=unresolved).aggregate(at=Min("created_at"))["at"]
    yield _gauge(
        "tron_attempt_oldest_seconds",
        "Age of the oldest transaction that nothing final is known of; 0 without one",
        max(0.0, (now - oldest).total_seconds()) if oldest else 0,
    )
    due = Payout.objects.filter(status=PayoutStatus.SCHEDULED, due_at__lte=now).aggregate(at=Min("due_at"))[
        "at"
    ]
    yield _gauge(
        "tron_due_oldest_seconds",
        "For how long the oldest payout that is due has waited; 0 without one",
        max(0.0, (now - due).total_seconds()) if due else 0,
    )


def _for_people() -> Iterator[Metric]:
    cases = dict.fromkeys(CaseKind.values, 0)
    counted = ManualCase.objects.filter(closed_at=None).values_list("kind").annotate(Count("id")).order_by()
    cases.update(dict(counted))
    waiting = GaugeMetricFamily("tron_manual_cases", "Open cases that two people must end", labels=["kind"])
    for kind, number in cases.items():
        waiting.add_metric([kind], number)
    yield waiting
    raised = GaugeMetricFamily("tron_alarm_raised", "1 for each alarm of the back office", labels=["kind"])
    for kind in Alarm.objects.filter(cleared_at=None).order_by("kind").values_list("kind", flat=True):
        raised.add_metric([kind], 1)
    yield raised
    if settings.TOR_PROXY:
        # As the watcher found it: web may have no way to Tor at all.
        is_away = Alarm.objects.filter(kind=lookout.TOR_AWAY, cleared_at=None).exists()
        yield _gauge("lucid_tor_up", "1 while Tor answers the worker", int(not is_away))
