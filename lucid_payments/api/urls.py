"""The addresses under /api/payment that belong to no business app."""

from __future__ import annotations

from django.urls import path

from lucid_payments.accounts.views import JwksView, KeyView, RefreshView, RevokeView, TokenView
from lucid_payments.api import metrics
from lucid_payments.api.health import HealthView, LiveView, ReadyView
from lucid_payments.api.openapi.views import DocsView, SchemaView
from lucid_payments.events.views import EventsView
from lucid_payments.events.webhook_views import (
    WebhookSecretView,
    WebhooksView,
    WebhookTestView,
    WebhookView,
)

urlpatterns = [
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", RefreshView.as_view()),
    path("auth/token/revoke", RevokeView.as_view()),
    path("auth/key", KeyView.as_view()),
    path("auth/jwks.json", JwksView.as_view()),
    path("events", EventsView.as_view()),
    path("metrics", metrics.view),
    path("webhooks", WebhooksView.as_view()),
    path("webhooks/<str:webhook_id>", WebhookView.as_view()),
    path("webhooks/<str:webhook_id>/secret", WebhookSecretView.as_view()),
    path("webhooks/<str:webhook_id>/test", WebhookTestView.as_view()),
    path("health", HealthView.as_view()),
    path("health/live", LiveView.as_view()),
    path("health/ready", ReadyView.as_view()),
    path("schema", SchemaView.as_view()),
    path("docs", DocsView.as_view(), name="docs"),
]
