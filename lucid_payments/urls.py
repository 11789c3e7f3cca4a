"""Every address the service answers."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

import lucid_payments.audit.admin
import lucid_payments.events.admin
import payouts.admin
import routers.admin
from lucid_payments.backoffice.site import site

# Imported for what they put on the site.
BACK_OFFICE_PAGES = (payouts.admin, routers.admin, lucid_payments.events.admin, lucid_payments.audit.admin)

urlpatterns: list[URLPattern | URLResolver] = [
    path(settings.API_PREFIX, include("lucid_payments.api.urls")),
    path(settings.API_PREFIX, include("payouts.api.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", site.urls),
]
