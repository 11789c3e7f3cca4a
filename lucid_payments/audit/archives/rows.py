"""How rows stand in an archive: whole, column by column, so that nothing is left out because it wasn't listed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from lucid_payments.accounts.models import User


def plain(
    row: models.Model, *, hashed: Collection[str] = (), without: Collection[str] = ()
) -> dict[str, Any]:
    """A row as JSON values, each column by its name: bytes in hex, times in UTC, people by their user name.

    Of columns in `hashed`, which are bytes, the SHA-256 stands there instead, as `<column>_sha256`; those in
    `without` are left out.
    """
    found = {}
    for field in row._meta.concrete_fields:
        if field.name in without:
            continue
        if field.name in hashed:
            found[f"{field.name}_sha256"] = sha256(bytes(getattr(row, field.attname)))
        else:
            value = getattr(row, field.name) if _is_user(field) else getattr(row, field.attname)
            found[field.name] = _value(value)
    return found


def as_json(value: Any) -> bytes:
    """UTF-8, indented, keys in order."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_user(field: Any) -> bool:
    return isinstance(field, models.ForeignKey) and field.related_model is User


def _value(value: Any) -> Any:
    match value:
        case User():
            return value.get_username()
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date() | Decimal() | UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return value
