"""This process's connection to the chain: the node pool of the settings, and the shared reading of it."""

from __future__ import annotations

import functools
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import clock, outgoing
from payouts.metrics import observe_node_call
from payouts.models.chain import ChainState
from payouts.tron.answers import BlockHeader
from payouts.tron.fees import ParameterCache
from payouts.tron.networks import NETWORKS, Network
from payouts.tron.nodes import NodeConfig, NodePool

# A reading of the chain older than this is too old to release or sign by.
FRESH = timedelta(seconds=60)
MAXIMUM_CLOCK_DIFFERENCE_MS = 60_000
_PARAMETERS_SECONDS = 60.0
_FIELDS = {"name", "operator", "url", "solid_url", "api_key_file", "proxy", "timeout", "rate"}


def network() -> Network:
    return NETWORKS[settings.TRON_NETWORK]


@functools.cache
def pool() -> NodePool:
    """The nodes of TRON_NODES, one pool a process; made at first use, after any fork."""
    return NodePool(
        node_configs(),
        usdt_contract=network().usdt_contract,
        on_call=observe_node_call,
        clock_ms=_reading_clock.now_ms,
    )


def required_operators() -> int:
    """How many operators must say the same for a verdict: two, or the one there is on a test network."""
    return min(2, len(pool().operators))


@functools.cache
def parameters() -> ParameterCache:
    """Chain parameters (prices), asked again after a minute."""
    return ParameterCache(
        lambda: pool().first(lambda node: node.chain_parameters()),
        seconds=_PARAMETERS_SECONDS,
        clock=lambda: _reading_clock.now_ms() / 1000,
    )


def node_configs() -> list[NodeConfig]:
    """TRON_NODES, checked. Raises ImproperlyConfigured naming the entry."""
    if not settings.TRON_NODES:
        raise ImproperlyConfigured("TRON_NODES: name at least one node, as a JSON list of objects.")
    return [_config(entry) for entry in settings.TRON_NODES]


def _config(entry: Any) -> NodeConfig:
    if not isinstance(entry, dict) or not {"name", "operator", "url"} <= entry.keys() <= _FIELDS:
        raise ImproperlyConfigured(
            "TRON_NODES: each entry needs name, operator and url, and may have solid_url, api_key_file,"
            " proxy, timeout and rate."
        )
    options = dict(entry)
    key_file = options.pop("api_key_file", "")
    try:
        # An empty proxy of its own is TOR_PROXY, too: no node is asked around Tor.
        options["proxy"] = outgoing.proxy(f"node-{entry['name']}", at=str(options.get("proxy", "")))
        return NodeConfig(**options, api_key=Path(key_file).read_text().strip() if key_file else "")
    except (ValueError, TypeError, OSError, outgoing.NoWayOut) as error:
        raise ImproperlyConfigured(f"TRON_NODES, {entry['name']}: {error}") from None


def state() -> ChainState:
    """The shared reading, as the watcher last wrote it."""
    return ChainState.objects.get(pk=1)


def reference(state: ChainState) -> BlockHeader:
    """The solid block that new transactions refer to."""
    return BlockHeader(
        number=state.solid_number, block_id=state.solid_id, parent_id="", timestamp_ms=state.solid_time_ms
    )


class _ReadingClock:
    """lucid_now() as of the latest round: the pool's threads must not open database connections of their own."""

    def __init__(self) -> None:
        self._at: tuple[int, float] | None = None

    def set(self) -> int:
        now_ms = clock.to_ms(clock.now())
        self._at = (now_ms, time.monotonic())
        return now_ms

    def now_ms(self) -> int:
        if self._at is None:
            return time.time_ns() // 1_000_000
        now_ms, read = self._at
        frozen = settings.LUCID_ENV == "test"
        return now_ms if frozen else now_ms + round((time.monotonic() - read) * 1000)


_reading_clock = _ReadingClock()


def start_round() -> int:
    """Begin a round of questions: the pool's clock is set, in demo and test after following the devnet's.

    Answers the time in ms, by the one clock.
    """
    if settings.TRON_NETWORK == "devnet" and clock.may_be_stepped():
        from payouts import devnet_clock

        devnet_clock.follow()
    return _reading_clock.set()
