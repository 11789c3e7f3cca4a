"""Reading a `multipart/form-data` body with one file: in memory alone, never by way of a file on the disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import UnsupportedMediaType

from lucid_payments.api.errors import HttpError, InvalidRequest

MULTIPART: Final = "multipart/form-data"
FILE: Final = "file"
# Boundaries and the fields beside the file.
BESIDE_THE_FILE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Upload:
    """`fields` are all but the file. Its `name` is what somebody calls it, and says nothing of what it is."""

    fields: dict[str, str]
    content: bytes
    name: str = ""

    def fingerprint(self) -> bytes:
        """What was said, whatever the boundary between the parts: a client draws another with each try."""
        said = json.dumps(self.fields, sort_keys=True).encode()
        return said + hashlib.sha256(self.content).digest()


def read(request: HttpRequest, maximum: int) -> Upload:
    """The one file, of at most `maximum` bytes, and the fields beside it.

    Raises HttpError for 413, UnsupportedMediaType, InvalidRequest for what isn't one file and plain fields.
    """
    if request.content_type != MULTIPART:
        raise UnsupportedMediaType(request.content_type or "")
    most = maximum + BESIDE_THE_FILE
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    # A chunked body was read as far as other requests may be long: what is longer isn't whole.
    cut_off = "HTTP_TRANSFER_ENCODING" in request.META and length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request.read(most + 1) if length <= most and not cut_off else None
    if body is None or len(body) > most:
        raise HttpError(413, {"body": [f"At most {maximum} bytes are taken."]})
    handler = _InMemory(request)
    meta = {**request.META, "CONTENT_LENGTH": str(len(body))}
    try:
        fields, files = MultiPartParser(meta, BytesIO(body), [handler], "utf-8").parse()
    except (MultiPartParserError, UnicodeDecodeError, ValueError):
        raise InvalidRequest({"body": ["The body isn't multipart/form-data, or is cut off."]}) from None
    given = files.getlist(FILE)
    if len(given) != 1 or handler.files != 1:
        raise InvalidRequest({FILE: ["Send exactly one file, under this name."]})
    twice = [name for name, values in fields.lists() if len(values) != 1]
    if twice:
        raise InvalidRequest({name[:100]: ["Give this once."] for name in twice[:20]})
    return Upload({name: str(fields[name]) for name in fields}, given[0].read(), handler.name)


class _InMemory(FileUploadHandler):
    """One file, as bytes; Django's own would write a large one to a folder, in plain."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.files = 0
        self.name = ""
        self._content = BytesIO()

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        self.files += 1
        if self.files > 1:
            raise SkipFile
        self.name = file_name

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self._content.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> Any:
        self._content.seek(0)
        return InMemoryUploadedFile(self._content, FILE, "file", "", file_size, None)
