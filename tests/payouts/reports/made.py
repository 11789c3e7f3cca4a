"""Reports asked for and made on the spot, and their files read back as a spreadsheet reads them."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import openpyxl
import pypdfium2

from lucid_payments.accounts.models import User
from payouts.models import DistributionRun, Report, ReportFile
from payouts.models.report import ReportKind
from payouts.reports import asking, keeping, making


def report(maker: User, kind: str, about: str, **parameters: Any) -> Report:
    """Asked for and made."""
    asking.ask(ReportKind(kind), about, parameters, maker=maker)
    made = making.make_next()
    assert made is not None
    return made


def report_by_itself(run: DistributionRun) -> Report:
    """The report of a settled run, as it is made without being asked for."""
    asking.ask(ReportKind.RUN, run.period, {"period": run.period}, maker=None)
    made = making.make_next()
    assert made is not None
    return made


def pdf_text(pdf: bytes) -> str:
    pages = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in pages)


def content(file: ReportFile) -> bytes:
    """The file's content, which is what its row says."""
    whole = b"".join(keeping.blocks(file))
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (file.size, file.sha256)
    return whole


def table(of: Report, sheet: str) -> list[dict[str, str]]:
    """One sheet's rows, from its CSV; the XLSX has the same."""
    name = sheet.lower().replace(" ", "-")
    (file,) = [each for each in of.files.all() if each.name.endswith(f"-{name}.csv")]
    return list(csv.DictReader(io.StringIO(content(file).decode(), newline="")))


def figures(of: Report) -> dict[str, dict[str, str]]:
    return {row["figure"]: row for row in table(of, "Figures")}


def workbook(of: Report) -> Any:
    (file,) = [each for each in of.files.all() if each.name.endswith(".xlsx")]
    return openpyxl.load_workbook(io.BytesIO(content(file)))
