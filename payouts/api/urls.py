"""The addresses of payouts and of their figures, under /api/payment."""

from __future__ import annotations

from django.urls import path

from payouts.api.batches import BatchesView, BatchView
from payouts.api.cancellation import CancelView
from payouts.api.own_limits import LimitsView
from payouts.api.proofs import ProofView
from payouts.api.stats import StatsView
from payouts.api.transactions import BulkTransactionsView, TransactionView
from payouts.api.uploads import UploadFileView, UploadSubmissionView, UploadsView, UploadView
from payouts.api.views import PayoutsView, PayoutView
from payouts.api.work import DeregisteredView, RegisteredView, ReputationView, SessionView

urlpatterns = [
    path("payouts", PayoutsView.as_view()),
    path("payouts/batch", BatchesView.as_view()),
    path("payouts/batch/upload", UploadsView.as_view()),
    path("payouts/batch/upload/<str:upload_id>", UploadView.as_view()),
    path("payouts/batch/upload/<str:upload_id>/file", UploadFileView.as_view()),
    path("payouts/batch/upload/<str:upload_id>/submit", UploadSubmissionView.as_view()),
    path("payouts/batch/<str:batch_id>", BatchView.as_view()),
    path("payouts/transactions/bulk", BulkTransactionsView.as_view()),
    path("payouts/<str:payout_id>", PayoutView.as_view()),
    path("payouts/<str:payout_id>/transaction", TransactionView.as_view()),
    path("payouts/<str:payout_id>/cancel", CancelView.as_view()),
    path("distributions/<str:period>/proof", ProofView.as_view()),
    path("limits", LimitsView.as_view()),
    path("stats", StatsView.as_view()),
    path("events/session-completed", SessionView.as_view()),
    path("events/node-reputation", ReputationView.as_view()),
    path("events/node-registered", RegisteredView.as_view()),
    path("events/node-deregistered", DeregisteredView.as_view()),
]
