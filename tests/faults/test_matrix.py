"""Every row of the matrix: fourteen of them every day, the others with `make prove`; and the page that lists them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import report
from tests.faults.matrix import ROWS
from tests.faults.row import Row
from tests.faults.runner import Runner


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    started = Runner()
    yield started
    started.stop()


PARAMETERS = [
    pytest.param(row, id=row.name, marks=pytest.mark.alone if row.daily else pytest.mark.prove)
    for row in ROWS
]


@pytest.mark.parametrize("row", PARAMETERS)
def test_nobody_is_paid_twice_and_nothing_is_stuck(row: Row, runner: Runner) -> None:
    result = runner.run(row)
    assert not result.wrong
    assert (result.duplicates, result.stuck, result.human_acts) == (0, 0, row.human_acts)


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_page_holds_rows_as_they_are_now_and_none_that_failed() -> None:
    expected = {row.name: row.expected for row in ROWS}
    for line in report.read():
        assert line.expected == expected.get(line.name), f"run it again: python -m tests.faults {line.name!r}"
        assert (line.duplicates, line.stuck) == (0, 0), line


def test_fourteen_rows_run_every_day() -> None:
    assert sum(row.daily for row in ROWS) == 14
