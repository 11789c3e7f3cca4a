"""Every address the service answers."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path(settings.API_PREFIX, include("lucid_payments.api.urls")),
    path(settings.API_PREFIX, include("payouts.api.urls")),
]
