"""docs/faults.md, written by the runs and by nobody's hand: each row's line is from its latest run."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.matrix import ROWS, THEMES
from tests.faults.row import Result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
FAILED = "NOT AS EXPECTED"
COLUMNS = (
    "Fault",
    "Expected",
    "Paid",
    "Failed",
    "Duplicates",
    "Stuck",
    "Human acts",
    "Seconds of chain time",
)
LINE = re.compile(r"\| (.+?) \| (.+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|")
BEGIN, END = "<!-- figures of `python -m tests.load faults` -->", "<!-- end of figures -->"
FIGURES = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
HEAD = """# Faults

What `make faults` found: each row ran on the real processes (web, worker, signer, beat, PostgreSQL, Valkey, a test
chain of two nodes) with ten payouts asked for by HTTP and one fault. Paid and duplicates are counted in the chain's
own books; after every row chain, ledger, limit windows and alarms agreed to the base unit. Human acts are people's
entries in the audit log: none but where the right outcome is a stop, and then those that end it, and where what
is tried is begun by people. Seconds of chain time run from the first request to the last payout's end; where a breaker
opened, its cool-down is among them. The runs write this page; how a row is made stands in `tests/faults/__init__.py`.

"""


class Line(NamedTuple):
    """A row of the table, as it stands on the page."""

    name: str
    expected: str
    paid: int
    failed: int
    duplicates: int
    stuck: int
    human_acts: int
    chain_seconds: int

    def __str__(self) -> str:
        return f"| {' | '.join(map(str, self))} |"


def write(results: Sequence[Result]) -> None:
    """Put these rows' new lines on the page; rows that are no more leave it."""
    lines = {line.name: line for line in (*read(), *map(line_of, results))}
    known = [lines[row.name] for row in ROWS if row.name in lines]
    tables = "".join(
        _table(title, [lines[row.name] for row in rows if row.name in lines])
        for title, rows in THEMES.items()
    )
    _replace(f"{HEAD}{totals(known)}\n{_without_figures(known)}{tables}{_figures()}")


def read() -> list[Line]:
    """The page's lines; none where there is no page."""
    found = LINE.findall(PAGE.read_text()) if PAGE.exists() else []
    return [Line(name, expected, *map(int, figures)) for name, expected, *figures in found]


def line_of(result: Result) -> Line:
    row = result.row
    return Line(
        name=row.name,
        expected=f"{row.expected} **{FAILED}**" if result.wrong else row.expected,
        paid=result.paid,
        failed=result.failed,
        duplicates=result.duplicates,
        stuck=result.stuck,
        human_acts=result.human_acts,
        chain_seconds=result.chain_seconds,
    )


def totals(lines: Sequence[Line]) -> str:
    worst = max(lines, key=lambda line: line.chain_seconds)
    return (
        f"**{len(lines)} rows: {sum(line.paid for line in lines)} payouts paid, {sum(line.failed for line in lines)}"
        f" failed with their reason, {sum(line.duplicates for line in lines)} duplicates,"
        f" {sum(line.stuck for line in lines)} stuck, {sum(line.human_acts for line in lines)} human acts;"
        f" longest to resolution {worst.chain_seconds} s of chain time ({worst.name}).**"
    )


def _without_figures(lines: Sequence[Line]) -> str:
    """A row that no run has written down yet says nothing about the product, and the page must say so."""
    missing = sorted({row.name for row in ROWS} - {line.name for line in lines})
    if not missing:
        return ""
    return f"\n{len(missing)} of {len(ROWS)} rows have no figures of a run yet: {'; '.join(missing)}.\n"


def write_figures(lines: Sequence[str]) -> None:
    """Replace the throughput figures; the tables stay."""
    section = "\n".join([BEGIN, *lines, END])
    page = PAGE.read_text()
    _replace(FIGURES.sub(lambda found: section, page) if FIGURES.search(page) else f"{page}\n{section}\n")


def _replace(content: str) -> None:
    """At once: another run may be reading the page."""
    new = PAGE.with_suffix(f".{os.getpid()}")
    new.write_text(content)
    new.replace(PAGE)


def _table(title: str, lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    head = f"| {' | '.join(COLUMNS)} |\n| --- | --- |{' ---: |' * (len(COLUMNS) - 2)}"
    return f"\n## {title}\n\n{head}\n" + "".join(f"{line}\n" for line in lines)


def _figures() -> str:
    found = FIGURES.search(PAGE.read_text()) if PAGE.exists() else None
    return f"\n{found[0]}\n" if found else ""
