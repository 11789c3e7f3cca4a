"""Tables into files: each as a CSV of its own, and all of them as the sheets of one XLSX. Row by row, both at once."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from payouts.reports.cells import Cell, Column, plain
from payouts.reports.xlsx_file import Workbook

CSV: Final = "text/csv; charset=utf-8"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `rows` is gone through once, and the sheets in their order: a later one may tell of earlier ones."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A finished file on the disk, until it is closed."""

    name: str
    content_type: str
    size: int
    sha256: str
    opened: IO[bytes]

    def blocks(self) -> Iterator[bytes]:
        """The content, a megabyte at a time."""
        self.opened.seek(0)
        while block := self.opened.read(_BLOCK):
            yield block


def finished(name: str, content_type: str, opened: IO[bytes]) -> MadeFile:
    """The file as it was written, with its size and hash."""
    digest, size = hashlib.sha256(), 0
    opened.seek(0)
    while block := opened.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return MadeFile(name, content_type, size, digest.hexdigest(), opened)


@contextmanager
def written(name: str, sheets: Iterable[Sheet], *, each_row: Callable[[], None]) -> Iterator[list[MadeFile]]:
    """The files of these sheets: `name-<sheet>.csv` each, and `name.xlsx`. Gone when the block ends.

    `each_row` is called before a row is written; what it raises ends it all.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(tempfile.TemporaryFile())
        book, made = Workbook(whole), []
        for sheet in sheets:
            alone = stack.enter_context(tempfile.TemporaryFile())
            _write(sheet, alone, book, each_row)
            made.append(finished(f"{name}-{sheet.name.lower().replace(' ', '-')}.csv", CSV, alone))
        book.close()
        yield [finished(f"{name}.xlsx", XLSX, whole), *made]


def _write(sheet: Sheet, alone: IO[bytes], book: Workbook, each_row: Callable[[], None]) -> None:
    text = io.TextIOWrapper(alone, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow([column.name for column in sheet.columns])
    with book.sheet(sheet.name, sheet.columns) as opened:
        for row in sheet.rows:
            each_row()
            writer.writerow([plain(column, cell) for column, cell in zip(sheet.columns, row, strict=True)])
            opened.row(row)
    text.flush()
    # The file stays open without its wrapper.
    text.detach()
