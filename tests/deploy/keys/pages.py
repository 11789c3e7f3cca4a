"""Commands as they stand on a page, to be run from there."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template

from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[3]


def commands(page: str, heading: str = "") -> list[str]:
    """Every indented `manage.py …` line of a page in docs, or of the part under one of its headings, in order."""
    text = (ROOT / "docs" / page).read_text()
    if heading:
        (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^ {4,}manage\.py (.+)$", text, re.MULTILINE)
    return [line.split("    #")[0].strip() for line in found]


def run(line: str, **values: object) -> str:
    """What the command prints, with `$NAME` and the page's own words put in."""
    out = io.StringIO()
    call_command(*arguments(line, values), stdout=out, stderr=out)
    return out.getvalue().strip()


def arguments(line: str, values: Mapping[str, object]) -> list[str]:
    return shlex.split(Template(line).substitute({name: str(value) for name, value in values.items()}))
