"""An archive of one subject: a zip of files, and a manifest of their hashes, whose own hash stands in the audit log.

Whoever holds the zip can check it: each file against the manifest, each audit line against the chain's arithmetic
and, where the database is at hand, the manifest against the entry that was written when it was made.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, models, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import chain, log
from lucid_payments.audit.models import AuditEntry, AuditSeal

TYPE: Final = "lucid-archive/v1"
ACTION: Final = "archive.exported"
MANIFEST: Final = "manifest.json"
AUDIT: Final = "audit.jsonl"
# What a check unpacks at most: an archive is one person's or one payment's papers.
LARGEST: Final = 512 * 1024 * 1024
MOST_FILES: Final = 5_000
_ENTRIES: Final = f"""
SELECT s.position, s.previous_hash, s.hash, {chain.ENTRY_COLUMNS}
FROM audit_auditentry e LEFT JOIN audit_auditseal s ON s.entry_id = e.id
WHERE e.object_type = %s AND e.object_id = %s ORDER BY e.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Archive:
    content: bytes
    manifest_sha256: str


@transaction.atomic
def build(
    subject: models.Model,
    *,
    kind: str,
    public_id: str,
    files: Mapping[str, bytes],
    about: Iterable[models.Model] = (),
    actor: User,
    reason: str,
    request_id: str = "",
) -> Archive:
    """Zip `files` with the audit entries of `subject` and of `about`, and write the entry that names the manifest."""
    whole = {**files, AUDIT: _entries((subject, *about))}
    newest = AuditSeal.objects.order_by("-position").first()
    manifest = as_json(
        {
            "type": TYPE,
            "deployment": settings.DEPLOYMENT,
            "kind": kind,
            "id": public_id,
            "made_at": clock.now().isoformat(),
            "made_by": actor.get_username(),
            "chain_head": {"position": newest.position, "hash": newest.hash} if newest else None,
            "files": [
                {"name": name, "bytes": len(content), "sha256": _sha256(content)}
                for name, content in sorted(whole.items())
            ],
        }
    )
    digest = _sha256(manifest)
    log.record(
        ACTION,
        actor=actor,
        subject=subject,
        details={"manifest_sha256": digest, "files": len(whole), "reason": reason},
        request_id=request_id,
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {MANIFEST: manifest, **whole}.items():
            zipped.writestr(name, content)
    return Archive(target.getvalue(), digest)


def as_json(value: Any) -> bytes:
    """JSON as it stands in archives: UTF-8, indented, keys in order."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


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
        if (len(held), _sha256(held)) != listed[name]:
            found.append(f"Changed: {name}.")
        if name == AUDIT:
            found += _check_lines(held)
    return found if offline else [*found, *_check_log(_sha256(content))]


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


def _entries(subjects: Iterable[models.Model]) -> bytes:
    """The audit entries of these rows, a line each as `audit export` writes them; unsealed ones have no position."""
    lines = []
    for subject in subjects:
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, [subject._meta.label_lower, str(subject.pk)])
            rows = cursor.fetchall()
        for position, previous, current, *entry in rows:
            line = {
                "position": position,
                "previous_hash": previous,
                "hash": current,
                "entry": chain.canonical(position, entry),
            }
            lines.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
