"""What a view says of one of its methods, and what all of them have in common and so needn't say.

A view's method is decorated with an `operation`, kept in the `schema.py` beside it. Everything that follows from
the view itself (its permission, its rate limit, whether it takes a body) is added here, headers and errors included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_examples_list
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from lucid_payments.accounts import roles
from lucid_payments.api import errors
from lucid_payments.api.errors import LucidError
from lucid_payments.api.fields import StrictSerializer
from lucid_payments.api.openapi import headers, refusals
from lucid_payments.api.openapi.refusals import Refusal, Refusals

if TYPE_CHECKING:
    # REST framework's views import this module, by its name in the settings.
    from lucid_payments.api.views import LucidView

View = TypeVar("View", bound=Callable[..., Any])
_OWN: Final = "lucid_operation"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class _Own:
    """What AutoSchema can't be told by `extend_schema`."""

    status: str
    refusals: Sequence[Refusal | type[LucidError]]
    links: Mapping[str, Any]
    callbacks: Mapping[str, Any]
    content_type: str
    example: Any
    examples: Mapping[str, Any]
    replays: bool

    def shown(self) -> dict[str, Any]:
        """The example of a success, or all of them by name: OpenAPI has the one or the other."""
        if not self.examples:
            return {"example": self.example}
        named = build_examples_list([OpenApiExample(name, value) for name, value in self.examples.items()])
        return {"examples": named}


def operation(
    operation_id: str,
    summary: str,
    *,
    tag: str,
    answer: Any,
    example: Any = None,
    examples: Mapping[str, Any] | None = None,
    status: int = 200,
    content_type: str = JSON,
    body: Any = None,
    body_type: str = JSON,
    bodies: Mapping[str, Any] | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    description: str = "",
    refused: Sequence[Refusal | type[LucidError]] = (),
    links: Mapping[str, Any] | None = None,
    callbacks: Mapping[str, Any] | None = None,
    replays: bool = True,
) -> Callable[[View], View]:
    """Describe a view's method.

    `answer` is the serializer or schema of a success, with one `example`, or `examples` by name; `bodies` are
    examples of requests by name; `refused` are its own errors. `replays`: whether a POST takes an Idempotency-Key.
    """
    asked = [
        OpenApiExample(name, value, request_only=True, media_type=body_type)
        for name, value in (bodies or {}).items()
    ]
    described = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=list(parameters),
        request=None if body is None else {body_type: body},
        responses={(status, content_type): answer},
        examples=asked,
    )
    own = _Own(
        str(status), refused, links or {}, callbacks or {}, content_type, example, examples or {}, replays
    )

    def describe(method: View) -> View:
        setattr(method, _OWN, own)
        return described(method)

    return describe


def link(operation_id: str, description: str, **parameters: str) -> dict[str, Any]:
    """OpenAPI's link to another operation, whose parameters come from this one's answer."""
    return {
        "operationId": operation_id,
        "description": description,
        "parameters": {name: f"$response.body#/{pointer}" for name, pointer in parameters.items()},
    }


class ContractSchema(AutoSchema):
    """An operation of the contract."""

    view: LucidView  # type: ignore[override]  # no other view has a schema of ours

    def _get_parameters(self) -> list[dict[str, Any]]:
        own: list[dict[str, Any]] = super()._get_parameters()
        shared = ["XRequestID", "IdempotencyKey"] if self._takes_a_key() else ["XRequestID"]
        return [*own, *({"$ref": f"#/components/parameters/{name}"} for name in shared)]

    def get_extensions(self) -> dict[str, Any]:
        """Which permission is needed, which roles have it, and how many requests a minute are taken."""
        found: dict[str, Any] = {}
        permission = self._permission()
        if permission is not None:
            found["x-permission"] = permission
            found["x-roles"] = [role for role, held in roles.PERMISSIONS.items() if permission in held]
        limit = self.view.rate_limits.get(self.method)
        if limit is not None:
            per = "user" if self.view.authentication_classes else "address"
            found["x-rate-limit"] = {"requests": limit, "seconds": 60, "per": per}
        return found

    def _get_callbacks(self) -> dict[str, Any]:
        own = self._own()
        return dict(own.callbacks) if own is not None else {}

    def _own(self) -> _Own | None:
        own: _Own | None = getattr(getattr(self.view, self.method.lower()), _OWN, None)
        return own

    def _permission(self) -> str | None:
        permission: str | None = getattr(self.view, "permissions", {}).get(self.method)
        return permission

    def _takes_a_key(self) -> bool:
        own = self._own()
        asks_for_token = bool(self.view.authentication_classes)
        return self.method == "POST" and asks_for_token and own is not None and own.replays

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        found: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if found and found["content"].get(JSON, {}).get("schema", {}).get("type") == "array":
            # drf-spectacular knows only of serializers whether they may be left out.
            found["required"] = True
        return found

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        own = self._own()
        if own is not None:
            success = bodies[own.status]
            success["description"] = success.get("description") or "Done."
            success["headers"] = headers.refer(*self._success_headers())
            success["content"][own.content_type] |= own.shown()
            if own.links:
                success["links"] = dict(own.links)
        for status, refused in self._refusals(own).responses().items():
            bodies.setdefault(status, refused)
        return dict(sorted(bodies.items()))

    def _success_headers(self) -> list[str]:
        names = ["X-Request-ID"]
        if self.method in self.view.rate_limits:
            names += headers.RATE_LIMIT
        if self._takes_a_key():
            names.append("Idempotent-Replayed")
        return names

    def _refusals(self, own: _Own | None) -> Refusals:
        found = Refusals()
        found.add([errors.InvalidRequest, refusals.NOT_ACCEPTABLE, errors.InternalError, errors.Unavailable])
        if self.view.authentication_classes:
            found.add([errors.MissingToken])
        if self.view.authentication_classes or self.method != "GET":
            # For want of a permission, or as a blocked caller: those may only read what everybody may.
            found.add([errors.PermissionRefused])
        if self._takes_a_key():
            found.add([errors.IdempotencyConflict, errors.RequestInFlight])
        if self.method in ("POST", "PUT", "PATCH"):
            found.add([refusals.TOO_LARGE, refusals.NOT_JSON])
        if self.method in self.view.rate_limits:
            found.add([errors.RateLimited])
        found.add(own.refusals if own is not None else ())
        return found

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        found: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, StrictSerializer):
            found["additionalProperties"] = False
        return found
