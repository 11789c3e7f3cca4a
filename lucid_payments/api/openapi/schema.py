"""What the description says of itself."""

from __future__ import annotations

from typing import Final

from lucid_payments.api.openapi.operations import operation

DESCRIPTION: Final = "This description"

get_schema = operation(
    "getSchema",
    "This description, as OpenAPI 3",
    tag=DESCRIPTION,
    answer={"type": "object", "additionalProperties": True},
    example={"openapi": "3.0.3"},
)
read_docs = operation(
    "readDocs",
    "This description, as a page",
    tag=DESCRIPTION,
    answer={"type": "string"},
    content_type="text/html",
    example="<!DOCTYPE html>",
)
