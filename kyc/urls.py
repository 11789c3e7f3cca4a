"""The addresses of this room, under /api/payment."""

from __future__ import annotations

from django.urls import path

from kyc.wallets.views import RecipientView

urlpatterns = [path("recipients/me", RecipientView.as_view())]
