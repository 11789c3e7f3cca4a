"""The addresses of applications, under /api/payment."""

from __future__ import annotations

from django.urls import path

from kyc.api.views import ApplicationsView, ApplicationView, DocumentsView, SubmissionView

urlpatterns = [
    path("kyc/applications", ApplicationsView.as_view()),
    path("kyc/applications/<str:application_id>", ApplicationView.as_view()),
    path("kyc/applications/<str:application_id>/documents", DocumentsView.as_view()),
    path("kyc/applications/<str:application_id>/submit", SubmissionView.as_view()),
]
