"""Nodes caught lying, and until when they aren't asked. Shared between processes as a plain dict."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypedDict


class Confinement(TypedDict):
    """Why a node is shut out and until when, in UTC milliseconds of the pool's clock."""

    reason: str
    until_ms: int


class Quarantine:
    """Who is shut out. `clock_ms` gives UTC milliseconds, of one clock for every process that shares it."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._held: dict[str, Confinement] = {}

    def add(self, name: str, reason: str, seconds: float) -> None:
        """Shuts `name` out; a longer confinement already running stays."""
        until_ms = self._clock_ms() + int(seconds * 1000)
        with self._lock:
            held = self._held.get(name)
            if held is None or held["until_ms"] < until_ms:
                self._held[name] = Confinement(reason=reason, until_ms=until_ms)

    def reason(self, name: str) -> str:
        """Why `name` is shut out now, "" if it isn't."""
        with self._lock:
            held = self._held.get(name)
        return held["reason"] if held is not None and held["until_ms"] > self._clock_ms() else ""

    def export(self) -> dict[str, Confinement]:
        """All that still run, for storing."""
        now = self._clock_ms()
        with self._lock:
            return {name: held.copy() for name, held in self._held.items() if held["until_ms"] > now}

    def load(self, stored: Mapping[str, Confinement]) -> None:
        """Replaces what is held by what was stored: the store is the truth, so that a release reaches all."""
        with self._lock:
            self._held = {
                name: Confinement(reason=str(held["reason"]), until_ms=int(held["until_ms"]))
                for name, held in stored.items()
            }
