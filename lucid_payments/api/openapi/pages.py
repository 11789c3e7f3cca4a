"""The description as a page: what the template of `GET /docs` shows, taken from the document alone."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

from lucid_payments.api.openapi.document import document
from lucid_payments.api.openapi.refusals import CATALOGUE

METHODS: Final = ("get", "post", "put", "patch", "delete")
_MARKED: Final = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*)")


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter or a field."""

    name: str
    kind: SafeString
    required: bool
    text: SafeString
    place: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    status: str
    text: SafeString


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    text: SafeString
    needs_token: bool
    roles: str
    limit: str
    parameters: Sequence[Row]
    body: SafeString | None
    body_fields: Sequence[Row]
    calls: Sequence[Example]
    status: str
    answer: SafeString
    answer_fields: Sequence[Row]
    examples: Sequence[Example]
    refused: Sequence[Refused]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    slug: str
    text: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True)
class Shape:
    """A named schema."""

    name: str
    fields: Sequence[Row]


@functools.cache
def context() -> dict[str, Any]:
    """What the template is given; made once a process."""
    found = document()
    operations = [
        (operation["tags"][0], _operation(path, method, operation))
        for path, item in found["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return {
        "info": found["info"],
        "about": prose(found["info"]["description"]),
        "groups": [
            Group(
                tag["name"],
                slugify(tag["name"]),
                tag["description"],
                [operation for name, operation in operations if name == tag["name"]],
            )
            for tag in found["tags"]
        ],
        "errors": [(refusal, prose(refusal.when)) for refusal in CATALOGUE],
        "error_example": _pretty(found["components"]["examples"]["InvalidRequest"]["value"]),
        "shapes": [
            Shape(name, list(_fields(schema)))
            for name, schema in found["components"]["schemas"].items()
            if "properties" in schema
        ],
    }


def prose(text: str) -> SafeString:
    """Paragraphs, `code` and **strong**: all of Markdown that the descriptions use."""
    paragraphs = text.strip().split("\n\n") if text else []
    return format_html_join("", "<p>{}</p>", ((_marked(paragraph),) for paragraph in paragraphs))


def _marked(paragraph: str) -> SafeString:
    return format_html_join("", "{}", ((_piece(piece),) for piece in _MARKED.split(paragraph)))


def _piece(text: str) -> SafeString | str:
    if text.startswith("`"):
        return format_html("<code>{}</code>", text.strip("`"))
    return format_html("<strong>{}</strong>", text.strip("*")) if text.startswith("**") else text


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    status = next(status for status in operation["responses"] if status < "300")
    success = next(iter(operation["responses"][status]["content"].values()))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    short = path.removeprefix(f"/{settings.API_PREFIX}")
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=f"/{short}",
        summary=operation["summary"],
        text=prose(operation.get("description", "")),
        needs_token=bool(operation.get("security")),
        roles=", ".join(operation.get("x-roles", ())),
        limit=_limit(operation.get("x-rate-limit")),
        parameters=[_parameter(_resolved(parameter)) for parameter in operation.get("parameters", ())],
        body=_kind(body["schema"]) if body else None,
        body_fields=list(_fields(_inner(body["schema"]))) if body else [],
        calls=list(_calls(method, short, operation, body)),
        status=status,
        answer=_kind(success["schema"]),
        answer_fields=list(_fields(_inner(success["schema"]))),
        examples=list(_examples(success)),
        refused=[
            Refused(code, prose(_resolved(response)["description"]))
            for code, response in operation["responses"].items()
            if code >= "400"
        ],
    )


def _limit(limit: Mapping[str, Any] | None) -> str:
    return f"{limit['requests']} a minute per {limit['per']}" if limit else "none"


def _parameter(parameter: Mapping[str, Any]) -> Row:
    return Row(
        parameter["name"],
        _kind(parameter["schema"]),
        parameter.get("required", False),
        prose(parameter.get("description", "")),
        parameter["in"],
    )


def _fields(schema: Mapping[str, Any]) -> Iterator[Row]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield Row(name, _kind(field), name in required, prose(field.get("description", "")))


def _inner(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that a schema is, or is a list of."""
    resolved = _resolved(schema)
    return _inner(resolved["items"]) if resolved.get("type") == "array" else resolved


def _kind(schema: Mapping[str, Any]) -> SafeString:
    """What a value is, in words; a named schema is linked."""
    told = _without_null(schema)
    return format_html("{} or null", told) if schema.get("nullable") else told


def _without_null(schema: Mapping[str, Any]) -> SafeString:
    reference = schema.get("$ref") or next(
        (part["$ref"] for part in schema.get("allOf", ()) if "$ref" in part), None
    )
    if reference:
        name = reference.rsplit("/", 1)[1]
        return format_html('<a href="#shape-{}">{}</a>', name, name)
    if "oneOf" in schema:
        return format_html_join(" or ", "{}", ((_kind(part),) for part in schema["oneOf"]))
    if "enum" in schema:
        values = [value for value in schema["enum"] if value is not None]
        return format_html_join(" | ", "<code>{}</code>", ((value,) for value in values))
    if schema.get("type") == "array":
        return format_html("list of {}{}", _kind(schema["items"]), _bounds(schema, "minItems", "maxItems"))
    kind = {"date-time": "time"}.get(schema.get("format", "")) or schema.get("type", "anything")
    bounds = _bounds(schema, "minimum", "maximum") or _bounds(schema, "minLength", "maxLength", " characters")
    return format_html("{}{}", {"string": "text", "boolean": "true or false"}.get(kind, kind), bounds)


def _bounds(schema: Mapping[str, Any], low: str, high: str, unit: str = "") -> str:
    least, most = schema.get(low), schema.get(high)
    if most is None:
        return ""
    return f", {least:g} to {most:g}{unit}" if least is not None else f", at most {most:g}{unit}"


def _calls(
    method: str, path: str, operation: Mapping[str, Any], body: Mapping[str, Any] | None
) -> Iterator[Example]:
    """The request as a command, once for each example of a body."""
    head = [f'curl "$BASE/{path}"' if method == "get" else f'curl -X {method.upper()} "$BASE/{path}"']
    if operation.get("security"):
        head.append('-H "Authorization: Bearer $TOKEN"')
    if any(parameter.get("$ref", "").endswith("/IdempotencyKey") for parameter in operation["parameters"]):
        head.append('-H "Idempotency-Key: $(uuidgen)"')
    if body is None:
        yield Example("Request", " \\\n  ".join(head))
        return
    for name, example in body["examples"].items():
        data = "-d '" + _pretty(example["value"]) + "'"
        lines = [*head, "-H 'Content-Type: application/json'", data]
        yield Example(example.get("summary", name), " \\\n  ".join(lines))


def _examples(content: Mapping[str, Any]) -> Iterator[Example]:
    found = content.get("examples") or {"": {"value": content.get("example")}}
    for name, example in found.items():
        value = example["value"]
        yield Example(example.get("summary", name), value if isinstance(value, str) else _pretty(value))


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document()
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return _resolved(found)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
