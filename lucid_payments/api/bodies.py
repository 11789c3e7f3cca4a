"""Request bodies before Django: chunked ones get their length, unread ones are read to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings

DRAIN_LIMIT = 16 * 1024 * 1024
CHUNK = 64 * 1024

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


def with_length(application: Application) -> Application:
    """`application` behind a reader that gives chunked bodies their length.

    Reads one byte more than is allowed, so that what is too long is refused by its length like any other.
    """

    # Chunked bodies carry no length: Django alone would read them as empty.
    def read_first(environ: Environ, start_response: Any) -> Iterable[bytes]:
        # The server has undone the chunks and ends the stream by itself.
        if "CONTENT_LENGTH" not in environ and environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return read_first


def read_to_the_end(application: Application) -> Application:
    """`application`, then what it left unread of a body, up to DRAIN_LIMIT.

    A connection closed on a client that is still sending shows it a broken pipe in place of the refusal.
    """

    def answer_then_drain(environ: Environ, start_response: Any) -> Iterable[bytes]:
        counted = _Counted(environ["wsgi.input"])
        answer = application({**environ, "wsgi.input": counted}, start_response)
        left = min(int(environ.get("CONTENT_LENGTH") or 0) - counted.taken, DRAIN_LIMIT)
        while left > 0 and (chunk := counted.read(min(left, CHUNK))):
            left -= len(chunk)
        return answer

    return answer_then_drain


class _Counted:
    """A body that knows how much of it was read."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._body.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._body.readline(size))

    def _counted(self, data: bytes) -> bytes:
        self.taken += len(data)
        return data
