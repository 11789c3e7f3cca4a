"""JSON in and out without losing a digit: numbers are read as integers and decimals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MAX_DEPTH: Final = 32
MAX_NUMBER_LENGTH: Final = 30
# Made once: `json.dumps` makes another for every value that it is given these options for.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def dumps(value: Any) -> str:
    """Compact JSON. Decimals keep their digits and are never exponents; times are UTC with `Z`.

    Raises TypeError for what has no JSON form, and ValueError for NaN and infinities.
    """
    match value:
        case str() | None | bool() | int() | float():
            return _ENCODER.encode(value)
        case Decimal():
            return _decimal(value)
        case datetime():
            return f'"{format_time(value)}"'
        case Mapping():
            return "{" + ",".join(f"{dumps(str(key))}:{dumps(item)}" for key, item in value.items()) + "}"
        case Iterable():
            return "[" + ",".join(dumps(item) for item in value) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form.")


def format_time(moment: datetime) -> str:
    """UTC, ISO 8601, with `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def loads(body: bytes) -> Any:
    """The value of a JSON body: numbers with a point are Decimals, those with an exponent floats.

    Raises ParseError for what isn't strict JSON in UTF-8: NaN and infinities, a key given twice, NUL
    characters, halves of surrogate pairs, numbers of over 30 characters, more than 32 levels.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=_number_with_a_point,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise ParseError("The body isn't UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ParseError(
            f"The body isn't JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise ParseError(f"The body is more than {MAX_DEPTH} levels deep.") from None
    _check_depth_and_text(value)
    return value


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        _, _, parameters = (media_type or "").partition(";")
        if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
            raise UnsupportedMediaType(media_type or "")
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        return loads(body)


class ExactJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else dumps(data).encode()


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("JSON has no NaN and no infinity.")
    return f"{value:f}"


def _number_with_a_point(text: str) -> Decimal | float:
    _check_length(text)
    if "e" in text or "E" in text:
        # No amount is written so (its field refuses floats); free data may be.
        number = float(text)
        if not math.isfinite(number):
            raise ParseError("The body holds a number that is too large.")
        return number
    return Decimal(text)


def _integer(text: str) -> int:
    _check_length(text)
    return int(text)


def _check_length(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ParseError(f"The body holds a number of more than {MAX_NUMBER_LENGTH} characters.")


def _refuse_constant(text: str) -> NoReturn:
    raise ParseError(f"The body isn't JSON: {text} isn't a JSON number.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ParseError(f"The body holds the key {twice[:100]!r} twice.")
    return found


def _check_depth_and_text(value: Any) -> None:
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict | list):
            if depth == MAX_DEPTH:
                raise ParseError(f"The body is more than {MAX_DEPTH} levels deep.")
            if isinstance(item, dict):
                waiting += ((key, depth) for key in item)
            waiting += ((child, depth + 1) for child in (item.values() if isinstance(item, dict) else item))


def _check_text(text: str) -> None:
    # PostgreSQL stores neither; refused here they are the caller's error and not ours.
    if "\0" in text:
        raise ParseError("The body holds a NUL character.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ParseError("The body holds half of a surrogate pair.")
