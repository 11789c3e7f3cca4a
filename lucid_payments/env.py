"""Strict readers for the environment.

Every setting is read once, at start, by one of these functions. A missing or bad value raises
`ImproperlyConfigured` that names the variable and says what would be right; it repeats a bad value only
where that value can't be a secret. The rules that all readers share:

- no default means the variable is required;
- an empty value is refused, except where the default is itself empty (`""`, `None`, `()`, …): there it
  means the same as the default, because compose files pass `X=` for "not set";
- `X_FILE` names a file that holds the value, for secrets and for URLs that may hold one. Setting both `X`
  and `X_FILE` is an error: nobody could say which of them counts;
- without either, the systemd credential `x` counts (`$CREDENTIALS_DIRECTORY/x`, lower case with hyphens);
- a secret that comes from `X` itself is noted by name: the checks refuse that where real money is paid, since the
  environment is handed on to every child and shown by `systemctl show`, `docker inspect` and `/proc`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from lucid_payments.money import InvalidAmount, parse_usdt

Default = TypeVar("Default")
Value = TypeVar("Value")

TRUE_WORDS: Final = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS: Final = frozenset({"0", "false", "no", "off"})
INTEGER_PATTERN: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
MAX_SECRET_BYTES: Final = 64 * 1024
MAX_SECRET_LINES: Final = 2


REQUIRED: Final[Any] = object()
"""Stands for "no default"; typed Any so that a reader without a default returns its plain type."""


_in_the_open: set[str] = set()


def in_the_open() -> frozenset[str]:
    """The secrets read so far whose value stood in the environment itself, by name."""
    return frozenset(_in_the_open)


class _Refused(Exception):
    """What a parser raises; its text says what would be right and never repeats the value."""


def text(name: str, default: Default = REQUIRED) -> str | Default:
    """One line of text, without surrounding blanks."""
    return _read(name, default, _parse_text)


def secret(name: str, default: Default = REQUIRED) -> str | Default:
    """A secret, from `name` or from the file that `name`_FILE points at (one trailing newline is cut).

    An empty secret is always refused: an empty key or password is never meant.
    """
    raw = _raw(name, with_file=True)
    if raw is None:
        return _default(name, default, f"point {name}_FILE at a file that holds it")
    if not raw.strip():
        raise ImproperlyConfigured(f"{name} is empty: a secret must have a value.")
    if name in os.environ:
        _in_the_open.add(name)
    return raw


def changing_secret(name: str, default: Default = REQUIRED) -> tuple[str | Default, list[str]]:
    """A secret that is changed while everything runs: the first line of its file, and the second, which is the one
    before it and still counts (`lucid_payments.secret_files` writes both).
    """
    raw = secret(name, default)
    if not isinstance(raw, str) or not raw:
        return raw, []
    lines = raw.splitlines()
    if len(lines) > MAX_SECRET_LINES or not all(line.strip() for line in lines):
        raise ImproperlyConfigured(f"{name} is one line, and at most one more with the secret before it.")
    return lines[0], lines[1:]


def secret_file(name: str, default: str = "") -> str:
    """The path of a file with a secret that its own process alone opens: `X_FILE`, or the systemd credential `x`.

    `X` itself is no setting: a secret there is noted as standing in the open.
    """
    secret_name = name.removesuffix("_FILE")
    if os.environ.get(secret_name):
        _in_the_open.add(secret_name)
    given = text(name, "")
    credential = _credential(secret_name)
    return given or (str(credential) if credential else default)


def boolean(name: str, default: Default = REQUIRED) -> bool | Default:
    """`1`, `true`, `yes`, `on` or `0`, `false`, `no`, `off`, in any case."""
    return _read(name, default, _parse_boolean, show=True)


def integer(
    name: str,
    default: Default = REQUIRED,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int | Default:
    """A whole number in ASCII digits between `minimum` and `maximum`, both included."""

    def parse(raw: str) -> int:
        wanted = "a whole number" + _bounds(minimum, maximum)
        if not INTEGER_PATTERN.fullmatch(raw):
            raise _Refused(wanted)
        number = int(raw)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
            raise _Refused(wanted)
        return number

    return _read(name, default, parse, show=True)


def usdt(name: str, default: Default = REQUIRED) -> int | Default:
    """A positive amount in USDT, like `1000` or `1000.50`, returned in base units (1 USDT = 1,000,000).

    `default` is in base units too.
    """
    return _read(name, default, _parse_usdt, show=True)


def choice(name: str, choices: Collection[str], default: Default = REQUIRED) -> str | Default:
    """One of `choices`, spelled exactly."""

    def parse(raw: str) -> str:
        if raw not in choices:
            raise _Refused("one of " + ", ".join(choices))
        return raw

    return _read(name, default, parse, show=True)


def comma_list(name: str, default: Collection[str] = REQUIRED) -> list[str]:
    """Items separated by commas, blanks around them cut; a doubled comma is refused."""

    def parse(raw: str) -> list[str]:
        items = [item.strip() for item in raw.split(",")]
        if not all(items):
            raise _Refused("items separated by single commas, like `a,b`")
        return items

    found = _read(name, default, parse)
    return list(found)


def url(
    name: str,
    default: Default = REQUIRED,
    *,
    schemes: Collection[str] = ("http", "https"),
) -> str | Default:
    """A URL with one of `schemes`; may hold a password, so `name`_FILE is read and no value is shown."""

    def parse(raw: str) -> str:
        wanted = "a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes)
        parts = _split_url(raw)
        if parts is None or parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            raise _Refused(wanted)
        _note_password(name, parts)
        return raw

    return _read(name, default, parse, with_file=True)


def database(name: str, default: Default = REQUIRED) -> dict[str, Any] | Default:
    """A PostgreSQL URL as an entry of Django's `DATABASES`; `name`_FILE is read too.

    `postgresql://user:password@host:5432/name`; a socket folder takes the host's place percent-encoded
    (`postgresql://user@%2Frun%2Fpostgresql/name`); the query holds libpq options such as `sslmode`.
    """

    def parse(raw: str) -> dict[str, Any]:
        parts = _split_url(raw)
        if parts is None or parts.scheme not in ("postgresql", "postgres"):
            raise _Refused("a URL like postgresql://user:password@host:5432/name")
        dbname = unquote(parts.path.removeprefix("/"))
        if not dbname or not parts.username:
            raise _Refused("a URL with a user and a database, like postgresql://user:password@host:5432/name")
        _note_password(name, parts)
        host = parts.netloc.rpartition("@")[2]
        if parts.port is not None:
            host = host.rpartition(":")[0]
        return {
            "ENGINE": "lucid_payments.database",
            "NAME": dbname,
            "USER": unquote(parts.username),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(host).strip("[]"),
            "PORT": str(parts.port or ""),
            "OPTIONS": dict(parse_qsl(parts.query)),
        }

    return _read(name, default, parse, with_file=True)


def json_list(name: str, default: Default = REQUIRED) -> list[Any] | Default:
    """A JSON list; an object in it that has a key twice is refused."""

    def parse(raw: str) -> list[Any]:
        found = _parse_json(raw, "a JSON list")
        if not isinstance(found, list):
            raise _Refused("a JSON list")
        return found

    return _read(name, default, parse)


def json_object(name: str, default: Default = REQUIRED) -> dict[str, Any] | Default:
    """A JSON object; a key given twice is refused."""

    def parse(raw: str) -> dict[str, Any]:
        found = _parse_json(raw, "a JSON object")
        if not isinstance(found, dict):
            raise _Refused("a JSON object")
        return found

    return _read(name, default, parse)


def path(name: str, default: Default = REQUIRED, *, must_exist: bool = False) -> Path | Default:
    """A path of a file or folder, made absolute; with `must_exist` it has to be there."""

    def parse(raw: str) -> Path:
        if "\0" in raw:
            raise _Refused("a path without NUL bytes")
        found = Path(raw).absolute()
        if must_exist and not found.exists():
            raise _Refused("a path that exists")
        return found

    return _read(name, default, parse, show=True)


def _read(
    name: str,
    default: Default,
    parse: Callable[[str], Value],
    *,
    show: bool = False,
    with_file: bool = False,
) -> Value | Default:
    raw = _raw(name, with_file=with_file)
    stripped = None if raw is None else raw.strip()
    if stripped is None or (not stripped and not default):
        return _default(name, default, "set it")
    try:
        if not stripped:
            raise _Refused("a value")
        return parse(stripped)
    except _Refused as refused:
        shown = f"{stripped[:80]!r}" if show or not stripped else "its value"
        raise ImproperlyConfigured(f"{name}: {shown} won't do; it must be {refused}.") from None


def _raw(name: str, *, with_file: bool) -> str | None:
    value = os.environ.get(name)
    file_name = os.environ.get(f"{name}_FILE") if with_file else None
    if with_file and not file_name and value is None and (credential := _credential(name)) is not None:
        file_name = str(credential)
    if not file_name:
        return value
    if value is not None:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: keep one of them.")
    try:
        with open(file_name, "rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {file_name} can't be read: {error.strerror}.") from None
    if len(content) > MAX_SECRET_BYTES:
        raise ImproperlyConfigured(f"{name}_FILE: {file_name} is larger than {MAX_SECRET_BYTES} bytes.")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE: {file_name} isn't UTF-8 text.") from None


def _credential(name: str) -> Path | None:
    """What systemd hands this process for the secret, where it does."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    found = Path(folder) / name.lower().replace("_", "-") if folder else None
    return found if found is not None and found.is_file() else None


def _note_password(name: str, parts: SplitResult) -> None:
    if name in os.environ and (parts.password or "password" in dict(parse_qsl(parts.query))):
        _in_the_open.add(name)


def _default(name: str, default: Default, advice: str) -> Default:
    if default is REQUIRED:
        raise ImproperlyConfigured(f"{name} is missing: {advice}.")
    return default


def _parse_text(raw: str) -> str:
    if any(ord(character) < 32 for character in raw):
        raise _Refused("one line of text without control characters")
    return raw


def _parse_boolean(raw: str) -> bool:
    word = raw.lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise _Refused("true or false")
    return word in TRUE_WORDS


def _parse_usdt(raw: str) -> int:
    try:
        units = parse_usdt(raw)
    except InvalidAmount:
        units = 0
    if units == 0:
        raise _Refused("an amount in USDT above 0 with at most 6 decimals, like 1000 or 1000.50")
    return units


def _parse_json(raw: str, wanted: str) -> Any:
    try:
        return json.loads(raw, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise _Refused(f"{wanted} (line {error.lineno}, column {error.colno})") from None
    except ValueError as error:
        raise _Refused(f"{wanted} ({error})") from None


def _split_url(raw: str) -> SplitResult | None:
    """The parts, or None where Python can't read them (a bad port is noticed only when asked for)."""
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        return None
    return None if any(character.isspace() for character in raw) else parts


def _unique_keys(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _bounds(minimum: int | None, maximum: int | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of at least {minimum}"
    if maximum is not None:
        return f" of at most {maximum}"
    return ""
