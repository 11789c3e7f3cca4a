"""`make faults`: all rows, a theme's, or those whose names hold the words given; writes them into docs/faults.md."""

from __future__ import annotations

import sys
import time

from tests.faults import report
from tests.faults.matrix import THEMES
from tests.faults.row import Result
from tests.faults.runner import Runner


def main(words: list[str]) -> int:
    wanted = [
        row
        for title, rows in THEMES.items()
        for row in rows
        if not words or any(word == title or word in row.name for word in words)
    ]
    runner, results = Runner(), []
    try:
        for row in wanted:
            began = time.monotonic()
            result = runner.run(row)
            results.append(result)
            report.write([result])
            print(line(result, time.monotonic() - began), flush=True)
    finally:
        runner.stop()
    print(report.totals([report.line_of(result) for result in results]))
    return 1 if any(result.wrong for result in results) else 0


def line(result: Result, seconds: float) -> str:
    told = (
        f"{result.row.name}: paid {result.paid}, failed {result.failed}, duplicates {result.duplicates},"
        f" stuck {result.stuck}, human acts {result.human_acts}, {result.chain_seconds} s of chain time"
        f" ({seconds:.1f} s)"
    )
    return f"{told}\n    WRONG: {result.wrong}" if result.wrong else told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
