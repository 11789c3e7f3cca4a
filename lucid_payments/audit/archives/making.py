"""Making an archive: the papers and their audit entries in a zip, and an entry that names the manifest's hash."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection, models, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import chain, log
from lucid_payments.audit.archives import ACTION, AUDIT, MANIFEST, TYPE
from lucid_payments.audit.archives.papers import Papers, S
from lucid_payments.audit.archives.rows import as_json, sha256
from lucid_payments.audit.models import AuditSeal

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
def make(
    papers: Papers[S], subject: S, *, actor: User, reason: str, purpose: str = "", request_id: str = ""
) -> Archive:
    """Zip everything that is kept about `subject`, and write down who was given it, and what for."""
    files = {**papers.files_of(subject), AUDIT: _entries((subject, *papers.about(subject)))}
    newest = AuditSeal.objects.order_by("-position").first()
    manifest = as_json(
        {
            "type": TYPE,
            "deployment": settings.DEPLOYMENT,
            "kind": papers.kind,
            "id": papers.public_id(subject),
            "made_at": clock.now().isoformat(),
            "made_by": actor.get_username(),
            "chain_head": {"position": newest.position, "hash": newest.hash} if newest else None,
            "files": [
                {"name": name, "bytes": len(content), "sha256": sha256(content)}
                for name, content in sorted(files.items())
            ],
        }
    )
    digest = sha256(manifest)
    log.record(
        ACTION,
        actor=actor,
        subject=subject,
        details={
            "manifest_sha256": digest,
            "files": len(files),
            "reason": reason,
            **({"purpose": purpose} if purpose else {}),
        },
        request_id=request_id,
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {MANIFEST: manifest, **files}.items():
            zipped.writestr(name, content)
    return Archive(target.getvalue(), digest)


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
