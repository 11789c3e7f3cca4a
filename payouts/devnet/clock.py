"""The chain's clock: real time plus an offset, or standing still until it is stepped. Milliseconds UTC."""

from __future__ import annotations

import time


class VirtualClock:
    """Time that never goes back, whichever way it is driven."""

    def __init__(self, *, manual: bool, now_ms: int | None = None) -> None:
        present = real_ms()
        start = present if now_ms is None else now_ms
        self._offset = start - present
        self._standing: int | None = start if manual else None

    @property
    def manual(self) -> bool:
        return self._standing is not None

    @property
    def offset_ms(self) -> int:
        """How far chain time is ahead of real time; shrinks while a manual clock stands."""
        return self.now_ms() - real_ms() if self.manual else self._offset

    def now_ms(self) -> int:
        return self._standing if self._standing is not None else real_ms() + self._offset

    def advance_to(self, instant_ms: int) -> None:
        """Move forward to an instant; an earlier one changes nothing."""
        now = self.now_ms()
        if instant_ms <= now:
            return
        if self._standing is not None:
            self._standing = instant_ms
        else:
            self._offset += instant_ms - now

    def stand(self) -> None:
        """Manual mode: time stands from now on."""
        self._standing = self.now_ms()

    def run(self) -> None:
        """Live mode: time runs on from where it is."""
        self._offset = self.now_ms() - real_ms()
        self._standing = None


def real_ms() -> int:
    return time.time_ns() // 1_000_000
