"""The doctor's words: for a terminal, a subject after the other, and as JSON for a program."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from lucid_payments.doctor.examination import Finding, Found, Verdict

SIGNS: Final = {Verdict.RIGHT: "✓ ", Verdict.LOOK: "! ", Verdict.WRONG: "✗ "}
WORDS: Final = {Verdict.RIGHT: "right", Verdict.LOOK: "to look at", Verdict.WRONG: "wrong"}
INDENT: Final = 2
# Beside sign and colour, for who sees neither.
LABELS: Final = {Verdict.RIGHT: "", Verdict.LOOK: "Look: ", Verdict.WRONG: "WRONG: "}

Colour = Callable[[str], str]


def lines(finding: Finding, colours: Mapping[Verdict, Colour], width: int) -> list[str]:
    """The sentence behind its sign, and what to do indented below it."""
    room = max(40, width - 2 * INDENT - 2)
    sign, label = SIGNS[finding.verdict], LABELS[finding.verdict]
    first, *rest = textwrap.wrap(label + finding.sentence, room, break_on_hyphens=False) or [""]
    colour = colours[finding.verdict]
    told = [" " * INDENT + colour(sign + first)]
    told += [" " * (INDENT + len(sign)) + colour(line) for line in rest]
    steps = textwrap.wrap(finding.do, room - 2, break_on_hyphens=False, break_long_words=False)
    return told + [
        " " * (INDENT + len(sign)) + ("→ " if number == 0 else "  ") + step
        for number, step in enumerate(steps)
    ]


def summary(found: list[Found]) -> str:
    """How many of each, in words."""
    counted = _counted(found)
    words = [f"{counted[verdict]} {WORDS[verdict]}" for verdict in Verdict]
    if unasked := sum(not one.asked for one in found):
        words.append(f"{unasked} not asked, since what they stand on is wrong")
    return ", ".join(words)


def as_json(found: list[Found], about: dict[str, str], at: datetime) -> str:
    counted = _counted(found)
    body: dict[str, Any] = {
        **about,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        **{verdict.value: counted[verdict] for verdict in Verdict},
        "findings": [
            {
                "subject": one.check.subject,
                "check": one.check.name,
                "verdict": finding.verdict.value,
                "sentence": finding.sentence,
                "do": finding.do,
            }
            for one in found
            for finding in one.findings
        ],
        "not_asked": [one.check.name for one in found if not one.asked],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _counted(found: Iterable[Found]) -> Counter[Verdict]:
    return Counter(finding.verdict for one in found for finding in one.findings)
