"""What a check is, and asking them all: each tells what it found, and one that fails itself is found out too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

logger = logging.getLogger(__name__)


class Verdict(StrEnum):
    RIGHT = "right"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; `do` says what to do about it."""

    verdict: Verdict
    sentence: str
    do: str = ""


def right(sentence: str) -> Finding:
    return Finding(Verdict.RIGHT, sentence)


def look(sentence: str, do: str) -> Finding:
    """Somebody should look at it; the deployment works all the same."""
    return Finding(Verdict.LOOK, sentence, do)


def wrong(sentence: str, do: str) -> Finding:
    return Finding(Verdict.WRONG, sentence, do)


# None where there is nothing to say: this process isn't the one that can see it.
Asked = Callable[[], Iterable[Finding] | None]


@dataclass(frozen=True, slots=True)
class Check:
    """`needs`: a check that must not have found anything wrong; `running`: only while the processes run; `shared`: it
    tells the same to every process of a machine.
    """

    subject: str
    name: str
    ask: Asked
    needs: str
    running: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What one check told; nothing where what it stands on is wrong, and it wasn't asked."""

    check: Check
    findings: tuple[Finding, ...]
    asked: bool = True

    @property
    def is_wrong(self) -> bool:
        return any(finding.verdict is Verdict.WRONG for finding in self.findings)


_CHECKS: Final[dict[str, Check]] = {}


def check(
    subject: str, *, needs: str = "", running: bool = False, shared: bool = False
) -> Callable[[Asked], Asked]:
    """Register a function under its own name; they are asked in the order in which they are registered."""

    def register(ask: Asked) -> Asked:
        name = ask.__name__
        _CHECKS[name] = Check(subject, name, ask, needs, running, shared)
        return ask

    return register


def registered() -> list[Check]:
    return list(_CHECKS.values())


def examine(*, before: bool, rest: bool = False) -> Iterator[Found]:
    """Ask each check and tell what it found, as soon as it has; `before` leaves out what only runs later, `rest` what
    another process has told already.

    A check whose `needs` are wrong isn't asked: the reason for what it would say has been told.
    """
    failed: set[str] = set()
    for one in registered():
        if (before and one.running) or (rest and one.shared):
            continue
        if one.needs in failed:
            failed.add(one.name)
            yield Found(one, (), asked=False)
            continue
        found = Found(one, _ask(one))
        if found.is_wrong:
            failed.add(one.name)
        if found.findings:
            yield found


def _ask(one: Check) -> tuple[Finding, ...]:
    try:
        return tuple(one.ask() or ())
    except Exception as error:
        logger.debug("the doctor's check %s failed", one.name, exc_info=True)
        sentence = f"The check {one.name} failed itself: {type(error).__name__}: {error}"
        return (wrong(sentence.splitlines()[0], "Put right what the others say first, then ask again."),)
