"""The declared fields of schema `lucid/kyc/1`: a natural person who operates nodes. All values are text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kyc.review.errors import InvalidFields

SCHEMA: Final = "lucid/kyc/1"
_EARLIEST_BIRTH: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Field:
    """`check` answers what is wrong with a value, on the day `today`; empty when it will do."""

    label: str
    check: Callable[[str, date], str]
    required: bool = True
    # Persons are found again by these, through the blind index.
    found_by: bool = False


def _text(longest: int) -> Callable[[str, date], str]:
    def check(value: str, today: date) -> str:
        return "" if 0 < len(value) <= longest else f"From 1 to {longest} characters."

    return check


def _country(value: str, today: date) -> str:
    return "" if re.fullmatch(r"[A-Z]{2}", value) else "Two capital letters, as in ISO 3166."


def _date(value: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _birth(value: str, today: date) -> str:
    given = _date(value)
    if given is None or not _EARLIEST_BIRTH <= given <= today:
        return "A date in the past, as YYYY-MM-DD."
    return ""


def _expiry(value: str, today: date) -> str:
    given = _date(value)
    if given is None:
        return "A date, as YYYY-MM-DD."
    return "" if given >= today else "The document has expired."


def _kind(value: str, today: date) -> str:
    return "" if value in DOCUMENT_TYPES else f"One of {', '.join(DOCUMENT_TYPES)}."


def _email(value: str, today: date) -> str:
    return "" if re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,189}", value) else "An e-mail address."


DOCUMENT_TYPES: Final = ("passport", "identity_card", "residence_permit")
FIELDS: Final[dict[str, Field]] = {
    "full_name": Field("Full name", _text(200), found_by=True),
    "birth_date": Field("Date of birth", _birth),
    "nationality": Field("Nationality", _country),
    "street": Field("Street and number", _text(200)),
    "postcode": Field("Postcode", _text(20), required=False),
    "city": Field("Town", _text(100)),
    "country": Field("Country of residence", _country),
    "document_type": Field("Kind of document", _kind),
    "document_number": Field("Number of the document", _text(50), found_by=True),
    "document_expires": Field("Document valid until", _expiry),
    "email": Field("E-mail", _email, required=False, found_by=True),
}


def checked(given: Mapping[str, Any], today: date) -> dict[str, str]:
    """The declared fields in the schema's order, trimmed and in Unicode's composed form. Raises InvalidFields."""
    problems = {name: "There is no such field." for name in given if name not in FIELDS}
    values: dict[str, str] = {}
    for name, field in FIELDS.items():
        value = given.get(name)
        if value is None or value == "":
            if field.required:
                problems[name] = "This is needed."
            continue
        problem = _problem(field, value, today)
        if problem:
            problems[name] = problem
        else:
            values[name] = _tidy(value)
    if problems:
        raise InvalidFields(problems)
    return values


def document_expires(values: Mapping[str, str]) -> date:
    """The last day of the document that proves the identity."""
    return date.fromisoformat(values["document_expires"])


def _problem(field: Field, value: Any, today: date) -> str:
    if not isinstance(value, str):
        return "Text."
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Co") for letter in value):
        return "Characters that can't be shown."
    return field.check(_tidy(value), today)


def _tidy(value: str) -> str:
    return unicodedata.normalize("NFC", " ".join(value.split()))
