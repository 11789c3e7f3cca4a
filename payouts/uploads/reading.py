"""Which kind of file it is, by its content and never by its name."""

from __future__ import annotations

from typing import Final

from payouts.uploads import csv_file, xlsx_file
from payouts.uploads.sheet import FileRefused, Sheet

MAXIMUM: Final = 2_000_000
_ZIP: Final = b"PK\x03\x04"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS: Final = {b"%PDF": "a PDF", b"\x1f\x8b": "packed with gzip", b"{": "JSON", b"<": "HTML or XML"}


def read(content: bytes) -> Sheet:
    """The lines of the file. Raises FileRefused for what is no CSV or XLSX, or is larger than is taken."""
    if not content:
        raise FileRefused("The file is empty.")
    if len(content) > MAXIMUM:
        raise FileRefused(f"The file has more than {MAXIMUM:,} bytes. Split it into several files.")
    if content.startswith(_ZIP):
        return xlsx_file.read(content)
    if content.startswith(_OLD_EXCEL):
        raise FileRefused("The file is an old .xls, or has a password: save it as .xlsx without one.")
    for beginning, what in _OTHERS.items():
        if content.lstrip().startswith(beginning):
            raise FileRefused(f"The file is {what}: give a CSV or an XLSX.")
    return csv_file.read(content)
