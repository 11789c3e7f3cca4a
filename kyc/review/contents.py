"""What was declared, sealed and opened. Nothing here is shown to anybody: whoever reads does it by `reading`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kyc import commitment, vault
from kyc.models import KycContent, KycLookup, KycNote, KycRecord, NoteKind
from kyc.review.errors import Refused
from kyc.review.fields import FIELDS, SCHEMA
from lucid_payments.accounts.models import User

LONGEST_NOTE: Final = 2_000
# More corrections than any person makes.
MOST_VERSIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Declared:
    """One version, opened. The salt is part of what is sealed: without it the commitment can't be guessed at."""

    version: int
    schema: str
    fields: dict[str, str]
    salt: bytes


def add_version(row: KycRecord, fields: Mapping[str, str]) -> KycContent:
    """Seal these fields as the locked record's next version, and index what people are found by.

    Raises Refused for one version too many, VaultError.
    """
    version = row.version + 1
    if version > MOST_VERSIONS:
        raise Refused("This record has been changed too often: begin a new one.")
    content = KycContent(record=row, version=version, schema=SCHEMA, names=list(fields))
    inside = {"fields": dict(fields), "salt": commitment.new_salt().hex()}
    content.sealed = vault.seal(row.subject, _place(content), json.dumps(inside).encode())
    content.save(force_insert=True)
    for name, field in FIELDS.items():
        if field.found_by and name in fields:
            digest = vault.blind(name, fields[name])
            KycLookup.objects.update_or_create(record=row, field=name, defaults={"digest": digest})
    KycLookup.objects.filter(record=row).exclude(field__in=list(fields)).delete()
    return content


def opened(record: KycRecord, version: int | None = None) -> Declared:
    """The newest version, or the one named. Raises VaultError, and KycContent.DoesNotExist for none."""
    content = KycContent.objects.get(record=record, version=version or record.version)
    inside = json.loads(vault.open(record.subject, _place(content), content.sealed))
    return Declared(
        version=content.version,
        schema=content.schema,
        fields=inside["fields"],
        salt=bytes.fromhex(inside["salt"]),
    )


def find(field: str, text: str) -> list[KycRecord]:
    """The records that declare exactly this, capitals and blanks aside; for fields that people are found by."""
    found = KycLookup.objects.filter(field=field, digest=vault.blind(field, text))
    rows = KycRecord.objects.filter(lookups__in=found).select_related("operator", "owner")
    return list(rows.order_by("pk"))


def add_note(row: KycRecord, kind: NoteKind, text: str, *, author: User) -> KycNote | None:
    """Seal what somebody wrote; None for nothing. Raises Refused for too much, VaultError."""
    text = text.strip()
    if not text:
        return None
    if len(text) > LONGEST_NOTE:
        raise Refused(f"At most {LONGEST_NOTE} characters.")
    note = KycNote(record=row, kind=kind, author=author)
    note.sealed = vault.seal(row.subject, _note_place(note), text.encode())
    note.save(force_insert=True)
    return note


def note_text(note: KycNote) -> str:
    """Raises VaultError; Destroyed when the record was erased."""
    return vault.open(note.record.subject, _note_place(note), note.sealed).decode()


def _place(content: KycContent) -> vault.Place:
    return vault.Place("kyc_kyccontent", "sealed", str(content.pk), content.version)


def _note_place(note: KycNote) -> vault.Place:
    return vault.Place("kyc_kycnote", "sealed", str(note.pk))
