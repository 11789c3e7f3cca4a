"""The addresses under /api/payment/payouts."""

from __future__ import annotations

from django.urls import path

from payouts.api.views import PayoutsView, PayoutView

urlpatterns = [
    path("payouts", PayoutsView.as_view()),
    path("payouts/<str:payout_id>", PayoutView.as_view()),
]
