"""Bodies sent in chunks, which carry no length: Django alone would read them as empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


def with_length(application: Application) -> Application:
    """`application` behind a reader that gives chunked bodies their length.

    Reads one byte more than is allowed, so that what is too long is refused by its length like any other.
    """

    def read_first(environ: Environ, start_response: Any) -> Iterable[bytes]:
        # The server has undone the chunks and ends the stream by itself.
        if "CONTENT_LENGTH" not in environ and environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return read_first
