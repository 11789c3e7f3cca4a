"""The back office's site: its door, its first page, and what every page of it knows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path

from lucid_payments.backoffice import banners, overview, policy, sessions
from lucid_payments.backoffice.login import LoginForm
from lucid_payments.backoffice.records import RecordAdmin


class BackOffice(AdminSite):
    site_title = "Lucid Payments"
    site_header = "Lucid Payments"
    index_title = "Overview"
    site_url = None
    login_form = LoginForm
    login_template = "admin/login.html"
    index_template = "admin/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Asked on every request, of the user's row as it is now: a role taken away counts at once."""
        if not policy.may_enter(request.user):
            return False
        if sessions.is_over(request):
            logout(request)
            return False
        return True

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The pages there are. Django's further ones (passwords, jumps, look-ups) aren't offered."""
        urls: list[URLPattern | URLResolver] = [
            path("", self.admin_view(self.index), name="index"),
            path("login/", self.login, name="login"),
            path("logout/", self.admin_view(self.logout), name="logout"),
        ]
        for model, model_admin in self._registry.items():
            prefix = f"{model._meta.app_label}/{model._meta.model_name}/"
            urls.append(path(prefix, include(model_admin.urls)))
        return urls

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        inside = self.has_permission(request)
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "has_permission": inside,
            "is_popup": False,
            "environment_banner": banners.environment(),
            # Strangers at the login page learn nothing of alarms.
            "banners": list(banners.current()) if inside else [],
            "sections": self._sections(request) if inside else [],
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "panels": overview.panels(request.user),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", context)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().login(request, {"title": "Log in", **(extra_context or {})})

    def _sections(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The navigation: each page that this user may read."""
        pages = [page for page in self._registry.values() if isinstance(page, RecordAdmin)]
        return [
            {
                "name": page.title,
                "url": page.list_url(),
                "current": request.path.startswith(page.list_url()),
            }
            for page in sorted(pages, key=lambda page: page.place)
            if page.has_view_permission(request)
        ]


site = BackOffice(name="admin")
