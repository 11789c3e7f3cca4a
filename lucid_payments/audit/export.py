"""A piece of the chain as a file: a line for each sealed entry, and a manifest that says what the file must be.

The piece has no gap: with its first line's previous hash and the manifest it can be recomputed by anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from lucid_payments import clock
from lucid_payments.audit import chain, log

CHUNK: Final = 2_000
TYPE: Final = "lucid-audit-export/v1"
# Positions follow the order of commits, so an entry of the span may stand a little outside: the whole piece between
# the first and the last is exported.
_PIECE: Final = """
SELECT min(s.position), max(s.position) FROM audit_auditseal s JOIN audit_auditentry e ON e.id = s.entry_id
WHERE e.at >= %s AND e.at < %s
"""
_UNSEALED: Final = """
SELECT count(*) FROM audit_auditentry e WHERE e.at >= %s AND e.at < %s
AND NOT EXISTS (SELECT FROM audit_auditseal s WHERE s.entry_id = e.id)
"""
_ROWS: Final = f"""
SELECT s.position, s.previous_hash, s.hash, {chain.ENTRY_COLUMNS}
FROM audit_auditseal s JOIN audit_auditentry e ON e.id = s.entry_id
WHERE s.position >= %s AND s.position <= %s ORDER BY s.position LIMIT {CHUNK}
"""  # noqa: S608


class ExportRefused(Exception):
    """Nothing can be exported so; the text says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` (included) to `end` (excluded), UTC."""

    start: datetime
    end: datetime


def manifest_of(file: Path) -> Path:
    return Path(f"{file}.manifest.json")


def write(span: Span, file: Path, *, actor: str) -> dict[str, Any]:
    """Write the entries of `span` to `file` and the manifest beside it; answers the manifest.

    Memory stays the same however long the span is. The export is itself an entry, with the manifest's hash. Raises
    ExportRefused for an empty span, and for a file that is there already.
    """
    first, last = _one(_PIECE, span)
    if first is None:
        raise ExportRefused("No sealed entry stands in this span.")
    for path in (file, manifest_of(file)):
        if path.exists():
            raise ExportRefused(f"{path} is there already: nothing is overwritten.")
    digest, lines, edges = hashlib.sha256(), 0, ["", ""]
    with file.open("xb") as opened:
        for position, previous, current, *entry in _rows(first, last):
            line = json.dumps(
                {
                    "position": position,
                    "previous_hash": previous,
                    "hash": current,
                    "entry": chain.canonical(position, entry),
                },
                separators=(",", ":"),
                ensure_ascii=False,
            )
            content = line.encode() + b"\n"
            opened.write(content)
            digest.update(content)
            edges = [edges[0] or previous, current]
            lines += 1
    manifest = {
        "type": TYPE,
        "deployment": settings.DEPLOYMENT,
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "made_at": clock.now().isoformat(),
        "file": file.name,
        "sha256": digest.hexdigest(),
        "lines": lines,
        "first_position": first,
        "last_position": last,
        "previous_hash": edges[0],
        "last_hash": edges[1],
        "not_yet_sealed": _one(_UNSEALED, span)[0],
    }
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    with manifest_of(file).open("x") as opened_manifest:
        opened_manifest.write(text)
    with transaction.atomic():
        log.record(
            "audit.exported",
            actor=actor,
            details={
                "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(),
                "first_position": first,
                "last_position": last,
            },
        )
    return manifest


def check(file: Path) -> list[str]:
    """What of an exported file isn't as its manifest and its own chain say; empty: intact. It asks no database."""
    try:
        manifest = json.loads(manifest_of(file).read_bytes())
        expected = {name: manifest[name] for name in ("sha256", "lines", "previous_hash", "last_hash")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"The manifest can't be read: {error}"]
    digest, lines, previous, found = hashlib.sha256(), 0, str(expected["previous_hash"]), []
    with file.open("rb") as opened:
        for content in opened:
            digest.update(content)
            lines += 1
            try:
                line = json.loads(content)
                if line["previous_hash"] != previous:
                    found.append(f"Line {lines} doesn't follow the one before it.")
                if chain.link_text(line["previous_hash"], line["entry"]) != line["hash"]:
                    found.append(f"Line {lines} isn't what was sealed at {line['position']}.")
                previous = line["hash"]
            except (ValueError, KeyError, TypeError, AttributeError):
                found.append(f"Line {lines} can't be read.")
    if lines != expected["lines"]:
        found.append(f"The file has {lines} lines, the manifest says {expected['lines']}.")
    if previous != expected["last_hash"]:
        found.append("The last line isn't the one that the manifest names.")
    if digest.hexdigest() != expected["sha256"]:
        found.append("The file's SHA-256 isn't the manifest's.")
    return found


def _one(query: str, span: Span) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, [span.start, span.end])
        return cursor.fetchone()


def _rows(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    while first <= last:
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, [first, last])
            rows = cursor.fetchall()
        if not rows:
            return
        yield from rows
        first = rows[-1][0] + 1
