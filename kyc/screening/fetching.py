"""Fetching lists that have an address: through Tor's proxy and no other way, in bounded time and size."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import IO, Final

import urllib3
from django.conf import settings
from urllib3.contrib.socks import SOCKSProxyManager
from urllib3.exceptions import HTTPError

from kyc.models import ListState, ListVersion
from kyc.screening import files, sources, staging
from kyc.screening.files import FileRefused
from kyc.screening.sources import ListSource
from lucid_payments import clock, outgoing
from lucid_payments.locks import AdvisoryLock, only_one

log = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=20)
# For the whole of one file: far below the broker's visibility timeout.
SECONDS: Final = 240.0
TIMEOUT: Final = urllib3.Timeout(connect=60.0, read=60.0)


class FetchFailed(Exception):
    """The source gave no file; what is in force stays so until it is too old."""


def fetch_due() -> int:
    """Fetch each list that has an address and wasn't received lately; answers how many files came."""
    with only_one(AdvisoryLock.LIST_FETCH) as mine:
        if not mine or not settings.TOR_PROXY:
            return 0
        return sum(_fetched(source) for source in sources.required() if source.url and _is_due(source))


def _is_due(source: ListSource) -> bool:
    """A list that was just renewed, or that waits for people to activate it, isn't asked for again."""
    since = clock.now() - EVERY
    rows = ListVersion.objects.filter(list_name=source.name)
    return not (
        rows.filter(fresh_at__gt=since, state=ListState.ACTIVE).exists()
        or rows.filter(received_at__gt=since).exists()
    )


def _fetched(source: ListSource) -> bool:
    try:
        fetch(source)
    except (FetchFailed, FileRefused) as error:
        log.warning("list not fetched", extra={"list": source.name, "error": str(error)})
        return False
    return True


def fetch(source: ListSource) -> ListVersion:
    """The list's file as it is now: a new version to be activated, or, byte for byte the one in force, its renewal.

    Raises FetchFailed and FileRefused.
    """
    with tempfile.TemporaryFile() as file:
        published = _download(source, file)
        return _take(source, file, published)


def _download(source: ListSource, file: IO[bytes]) -> date:
    """Write the file; answers the day it was published, as far as its server tells."""
    pool = SOCKSProxyManager(outgoing.proxy(f"list-{source.name}"), timeout=TIMEOUT)
    try:
        answer = pool.request(
            "GET", source.url, preload_content=False, redirect=False, retries=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "lucid-payments"},
        )  # fmt: skip
        with answer:
            if answer.status != 200:
                raise FetchFailed(f"The source answered {answer.status}.")
            # Outside of any transaction: it may take minutes.
            for piece in _pieces(answer):
                file.write(piece)
            return _published(answer.headers.get("Last-Modified"))
    except (HTTPError, OSError) as error:
        raise FetchFailed(f"The source wasn't read: {type(error).__name__}.") from None
    finally:
        pool.clear()


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    ends, size = time.monotonic() + SECONDS, 0
    # As it comes: what a server packs all the same isn't unpacked.
    for piece in files.even(answer.stream(65_536, decode_content=False)):
        size += len(piece)
        if size > files.MAXIMUM or time.monotonic() > ends:
            raise FetchFailed("The file is too large." if size > files.MAXIMUM else "The source is too slow.")
        yield piece


def _published(last_modified: str | None) -> date:
    """Of files that don't say it themselves: the day their server says, or today."""
    try:
        return parsedate_to_datetime(last_modified).date() if last_modified else clock.now().date()
    except ValueError:
        return clock.now().date()


def _take(source: ListSource, file: IO[bytes], published: date) -> ListVersion:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    in_force = ListVersion.objects.filter(list_name=source.name, state=ListState.ACTIVE)
    same = in_force.filter(file_sha256=digest).first()
    if same is not None and staging.renew(same):
        return same
    file.seek(0)
    pieces = iter(lambda: file.read(files.PIECE), b"")
    reason = f"Fetched from {source.url}"[:300]
    return staging.receive(source, pieces, by=None, published_on=published, reason=reason)
