"""Every address the service answers."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

import kyc.addressbook.pages
import kyc.attestation.admin
import kyc.desk.pages
import kyc.documents.admin
import kyc.providers.admin
import kyc.rights.pages
import kyc.screening.admin
import kyc.wallets.pages
import lucid_payments.accounts.admin
import lucid_payments.accounts.client_admin
import lucid_payments.api.admin
import lucid_payments.audit.admin
import lucid_payments.audit.head_admin
import lucid_payments.backoffice.queue
import lucid_payments.events.admin
import lucid_payments.events.webhook_admin
import payouts.admin
import routers.admin
from lucid_payments.api import metrics
from lucid_payments.backoffice.site import site

# Imported for what they put on the site.
BACK_OFFICE_PAGES = (
    kyc.attestation.admin,
    kyc.desk.pages,
    kyc.addressbook.pages,
    kyc.documents.admin,
    kyc.rights.pages,
    kyc.wallets.pages,
    kyc.providers.admin,
    kyc.screening.admin,
    lucid_payments.accounts.admin,
    lucid_payments.accounts.client_admin,
    lucid_payments.api.admin,
    lucid_payments.audit.admin,
    lucid_payments.audit.head_admin,
    lucid_payments.backoffice.queue,
    lucid_payments.events.admin,
    lucid_payments.events.webhook_admin,
    payouts.admin,
    routers.admin,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path(settings.API_PREFIX, include("lucid_payments.api.urls")),
    path(settings.API_PREFIX, include("kyc.api.urls")),
    path(settings.API_PREFIX, include("payouts.api.urls")),
    path(settings.API_PREFIX, include("kyc.urls")),
    # Also where Prometheus looks by itself.
    path("metrics", metrics.view),
    path("docs", RedirectView.as_view(pattern_name="docs")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", site.urls),
]
