"""`GET /schema` for programs, `GET /docs` for people."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.api.json_format import ExactJSONRenderer
from lucid_payments.api.openapi import pages, schema
from lucid_payments.api.openapi.document import document
from lucid_payments.api.views import LucidView


class SchemaView(LucidView):
    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 60}

    @schema.get_schema
    def get(self, request: Request) -> Response:
        return Response(document())


class DocsView(LucidView):
    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 60}

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """A page whatever is asked for; its refusals are JSON like everybody's."""
        return ExactJSONRenderer(), ExactJSONRenderer.media_type

    @schema.read_docs
    def get(self, request: Request) -> HttpResponse:
        base = request.build_absolute_uri(f"/{settings.API_PREFIX}").rstrip("/")
        return render(request._request, "docs/index.html", {**pages.context(), "base": base})
