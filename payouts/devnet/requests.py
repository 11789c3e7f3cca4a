"""Reading a request's fields as java-tron does, and its way of saying that something was wrong with them."""

from __future__ import annotations

from typing import Any, Final

from payouts.tron import addresses

Request = dict[str, Any]
_LONG_BITS: Final = 63


class ApiError(Exception):
    """An error that java-tron answers with status 200 and {"Error": "class … : …"}."""

    def __init__(self, java_class: str, message: str) -> None:
        super().__init__(f"class {java_class} : {message}")


class BadField(ApiError):
    """A field that can't be read."""

    def __init__(self, message: str) -> None:
        super().__init__("java.lang.IllegalArgumentException", message)


def visible(request: Request) -> bool:
    return str(request.get("visible", "false")).lower() == "true"


def integer(request: Request, name: str, default: int = 0) -> int:
    """Raises `BadField` for what is no whole number, or too long for an int64."""
    try:
        value = int(request.get(name, default))
    except (TypeError, ValueError, OverflowError):
        raise BadField(f'For input string: "{request.get(name)}"') from None
    if value.bit_length() > _LONG_BITS:
        raise BadField(f'For input string: "{request.get(name)}"')
    return value


def octets(request: Request, name: str) -> bytes:
    """Hexadecimal bytes, empty when absent. Raises `BadField`."""
    try:
        return bytes.fromhex(str(request.get(name) or ""))
    except ValueError:
        raise BadField("INVALID hex String") from None


def address(request: Request, name: str) -> bytes:
    """An address in the form that `visible` says. Raises `BadField`."""
    if visible(request):
        try:
            return addresses.decode(request.get(name, ""))
        except addresses.InvalidAddress as error:
            raise BadField(f"{name}: {error}") from None
    raw = octets(request, name)
    if len(raw) != addresses.RAW_LENGTH or raw[0] != addresses.VERSION:
        raise BadField(f"{name} isn't an address")
    return raw
