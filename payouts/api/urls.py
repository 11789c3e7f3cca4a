"""The addresses of payouts and of their figures, under /api/payment."""

from __future__ import annotations

from django.urls import path

from payouts.api.stats import StatsView
from payouts.api.views import PayoutsView, PayoutView

urlpatterns = [
    path("payouts", PayoutsView.as_view()),
    path("payouts/<str:payout_id>", PayoutView.as_view()),
    path("stats", StatsView.as_view()),
]
