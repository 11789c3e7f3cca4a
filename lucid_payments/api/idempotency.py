"""`Idempotency-Key`: the same request sent again gets the first answer again and does nothing.

The record and the act are one transaction, so that a crash leaves both or neither. A second request that
comes while the first still runs is told so, not queued behind it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.http import HttpRequest, HttpResponse

from lucid_payments import clock, commits
from lucid_payments.accounts.models import User
from lucid_payments.api import errors, json_format
from lucid_payments.api.errors import LucidError
from lucid_payments.api.models import IdempotencyRecord
from lucid_payments.database import rows
from lucid_payments.locks import try_hold_name

HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
LIFETIME: Final = timedelta(days=30)
EMPTIED_AT_ONCE: Final = 5_000
_WELL_FORMED: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?", re.ASCII)


# As they stand, since every request that changes something asks them.
_FIRST: Final = f"""
SELECT * FROM {IdempotencyRecord._meta.db_table} WHERE user_id = %s AND key = %s
"""  # noqa: S608 - a table's name, and parameters
_KEEP: Final = f"""
INSERT INTO {IdempotencyRecord._meta.db_table}
    (user_id, key, request, body_hash, status_code, body, subject_id)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608 - a table's name, and parameters


@dataclass(frozen=True, slots=True)
class Answer:
    """What an act answers; `subject_id` is the public id of what it made."""

    status: int
    data: Any
    subject_id: str

    def as_response(self) -> HttpResponse:
        return _response(self.status, json_format.dumps(self.data).encode())


def key_of(request: HttpRequest) -> str | None:
    """The caller's key, or None. Raises InvalidRequest unless it is 1 to 255 printable ASCII characters."""
    key = request.headers.get(HEADER)
    if key is not None and not _WELL_FORMED.fullmatch(key):
        raise errors.InvalidRequest({HEADER: ["Give 1 to 255 printable ASCII characters."]})
    return key


def run_once(
    request: HttpRequest, user: User, act: Callable[[], Answer], *, body: bytes | None = None
) -> HttpResponse:
    """The answer of `act`, or the first one's where this caller used the same key before.

    Raises IdempotencyConflict for another body or a key older than 30 days, RequestInFlight while the first
    request runs, and whatever `act` raises; a refusal isn't kept, so the key can be used again. `body` is what the
    request says, for a view that has read its stream itself.
    """
    key = key_of(request)
    if key is None:
        if user.needs_idempotency_key:
            raise errors.InvalidRequest({HEADER: ["This client was set to send one with every request."]})
        return act().as_response()
    # Before anybody parses: Django gives the body's bytes only as long as nobody has read the stream.
    body_hash = hashlib.sha256(request.body if body is None else body).hexdigest()
    refusal: LucidError | None = None
    with commits.atomic("request"):
        _claim(user, key)
        # A second statement: it sees what the claim's last holder has committed.
        first = next(iter(rows.read(IdempotencyRecord, _FIRST, [user.pk, key])), None)
        if first is not None:
            return _replay(first, request, body_hash)
        try:
            answer = act()
        except LucidError as error:
            # Whatever the act chose to keep beside its refusal (a case to look into) is committed.
            refusal = error
        else:
            response = answer.as_response()
            _keep(user, key, _name(request), body_hash, answer, response.content)
    if refusal is not None:
        raise refusal
    return response


def forget() -> None:
    """Empty first answers that are replayed no more. Their keys stay, and are refused for ever.

    A day later than that: a request that began before its key's time was over may still read it.
    """
    over = clock.now() - LIFETIME - timedelta(days=1)
    old = IdempotencyRecord.objects.filter(created_at__lt=over).exclude(body=b"")
    numbers = old.order_by("created_at").values_list("pk", flat=True)[:EMPTIED_AT_ONCE]
    IdempotencyRecord.objects.filter(pk__in=list(numbers)).update(body=b"")


def _claim(user: User, key: str) -> None:
    if not try_hold_name(f"idempotency {user.pk} {key}"):
        details = {HEADER: ["The first request with this key has no answer yet."]}
        raise errors.RequestInFlight(details, retry_after=1)


def _keep(user: User, key: str, name: str, body_hash: str, answer: Answer, body: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [user.pk, key, name, body_hash, answer.status, body, answer.subject_id])


def _replay(first: IdempotencyRecord, request: HttpRequest, body_hash: str) -> HttpResponse:
    if clock.now() - first.created_at > LIFETIME:
        raise errors.IdempotencyConflict(
            {HEADER: ["The key is older than 30 days."], "first_id": first.subject_id}
        )
    if (first.request, first.body_hash) != (_name(request), body_hash):
        raise errors.IdempotencyConflict({"first_id": first.subject_id})
    response = _response(first.status_code, bytes(first.body))
    response[REPLAYED_HEADER] = "true"
    return response


def _name(request: HttpRequest) -> str:
    return f"{request.method} {request.path}"


def _response(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json")
