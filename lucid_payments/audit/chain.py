"""The hash chain's arithmetic: an entry as canonical bytes, and the hash that ties it to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

GENESIS: Final = "0" * 64

# `details` is taken as PostgreSQL's text of the jsonb, which is canonical and keeps every digit of a number;
# through Python's floats two different amounts could hash alike.
ENTRY_COLUMNS: Final = """e.id, e.at, e.actor_id, e.actor_label, e.action, e.object_type, e.object_id,
    e.object_label, e.request_id, e.details::text, e.role, e.client"""
_NAMES: Final = (
    "id",
    "at",
    "actor",
    "actor_label",
    "action",
    "object_type",
    "object_id",
    "object_label",
    "request_id",
    "details",
    "role",
    "client",
)
# Columns that came later: an entry without them hashes as it did before there were any.
_LATER: Final = frozenset({"role", "client"})


def canonical(position: int, entry: Sequence[Any]) -> str:
    """The entry at its position as the text that is hashed: JSON, the same for ever (columns as ENTRY_COLUMNS)."""
    named = zip(_NAMES, entry, strict=True)
    facts = {name: value for name, value in named if value != "" or name not in _LATER}
    facts["at"] = facts["at"].astimezone(UTC).isoformat(timespec="microseconds")
    facts["position"] = position
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link_text(previous_hash: str, text: str) -> str:
    """SHA-256, in hex, over the previous hash and an entry's canonical text."""
    return hashlib.sha256(bytes.fromhex(previous_hash) + text.encode()).hexdigest()


def link(previous_hash: str, position: int, entry: Sequence[Any]) -> str:
    """SHA-256, in hex, over the previous hash, the position and the entry (its columns as ENTRY_COLUMNS)."""
    return link_text(previous_hash, canonical(position, entry))
