"""Checking an archive, years later: each file against the manifest, each audit line against the chain's arithmetic.

Where the database is at hand, also the manifest against the entry that was written when it was made.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Final

from django.db import connection

from lucid_payments.audit import chain
from lucid_payments.audit.archives import ACTION, AUDIT, MANIFEST, TYPE
from lucid_payments.audit.archives.rows import sha256
from lucid_payments.audit.models import AuditEntry, AuditSeal

# What a check unpacks at most: an archive is one person's or one payment's papers.
LARGEST: Final = 512 * 1024 * 1024
MOST_FILES: Final = 5_000


def check(file: Path, *, offline: bool = False) -> list[str]:
    """What of an archive isn't as its manifest, the chain's arithmetic and (unless `offline`) our log say.

    Empty: intact. Raises OSError where there is no file.
    """
    try:
        with zipfile.ZipFile(file) as zipped:
            return _check(zipped, offline=offline)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
    ) as error:
        return [f"The archive can't be read: {error}"]


def _check(zipped: zipfile.ZipFile, *, offline: bool) -> list[str]:
    infos = zipped.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > LARGEST:
        return ["The archive is larger than any that we make."]
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        return ["A name stands in the archive twice."]
    if MANIFEST not in names:
        return [f"There is no {MANIFEST}."]
    content = zipped.read(MANIFEST)
    try:
        manifest = json.loads(content)
        listed = {entry["name"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]}
        is_ours = manifest["type"] == TYPE
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        return [f"{MANIFEST} isn't one of ours."]
    found = [f"Missing: {name}." for name in sorted(listed.keys() - set(names))]
    found += [f"Added: {name}." for name in sorted(set(names) - listed.keys() - {MANIFEST})]
    for name in sorted(listed.keys() & set(names)):
        held = zipped.read(name)
        if (len(held), sha256(held)) != listed[name]:
            found.append(f"Changed: {name}.")
        if name == AUDIT:
            found += _check_lines(held)
    return found if offline else [*found, *_check_log(sha256(content))]


def _check_lines(content: bytes) -> list[str]:
    """Each sealed audit line by the chain's arithmetic."""
    found = []
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = json.loads(text)
            if line["position"] is not None and (
                chain.link_text(line["previous_hash"], line["entry"]) != line["hash"]
                or json.loads(line["entry"])["position"] != line["position"]
            ):
                found.append(f"{AUDIT}, line {number}, isn't what was sealed.")
        except (ValueError, KeyError, TypeError, AttributeError):
            found.append(f"{AUDIT}, line {number}, can't be read.")
    return found


def _check_log(manifest_sha256: str) -> list[str]:
    entry = AuditEntry.objects.filter(action=ACTION, details__manifest_sha256=manifest_sha256).first()
    if entry is None:
        return [
            "The audit log here has no export with this manifest: another installation's, or not the one made."
        ]
    seal = AuditSeal.objects.filter(entry=entry).first()
    if seal is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {chain.ENTRY_COLUMNS} FROM audit_auditentry e WHERE e.id = %s",  # noqa: S608
            [entry.pk],
        )
        row = cursor.fetchone()
    intact = chain.link(seal.previous_hash, seal.position, row) == seal.hash
    return [] if intact else ["The audit entry of this export was changed after it was sealed."]
