"""The back office's site: its door, its first page, and what every page of it knows."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse

from lucid_payments.backoffice import (
    banners,
    confirm,
    enrolment,
    navigation,
    overview,
    own_password,
    policy,
    sessions,
    setup,
)
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
            path("password/", self.admin_view(self.password), name="password"),
            path("factor/", self.admin_view(self.factor), name="factor"),
            path("factor/code.svg", self.admin_view(self.factor_picture), name="factor_picture"),
            path("act/<str:kind>/<str:key>/", self.admin_view(self.act), name="act"),
        ]
        for model, model_admin in self._registry.items():
            prefix = f"{model._meta.app_label}/{model._meta.model_name}/"
            urls.append(path(prefix, include(model_admin.urls)))
        return urls

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Pages stay closed to who hasn't set up the account: first the password, then the second factor."""

        def after_setting_up(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            name = request.resolver_match.url_name if request.resolver_match else None
            if not setup.may_open(request.user, name):
                return HttpResponseRedirect(reverse(f"admin:{setup.page_for(request.user)}"))
            sessions.seen(request, view)
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer

        return super().admin_view(update_wrapper(after_setting_up, view), cacheable)

    def act(self, request: HttpRequest, kind: str, key: str) -> HttpResponse:
        """The confirm page of any registered act."""
        return confirm.page(request, kind, key, self.each_context(request))

    def password(self, request: HttpRequest) -> HttpResponse:
        return own_password.page(request, self.each_context(request))

    def factor(self, request: HttpRequest) -> HttpResponse:
        return enrolment.page(request, self.each_context(request))

    def factor_picture(self, request: HttpRequest) -> HttpResponse:
        return enrolment.picture(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        inside = self.has_permission(request) and setup.page_for(request.user) is None
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "has_permission": self.has_permission(request),
            "is_popup": False,
            "environment_banner": banners.environment(),
            # Strangers at the login page learn nothing of alarms.
            "banners": list(banners.current()) if inside else [],
            "groups": self._groups(request) if inside else [],
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

    def _groups(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The navigation: each page that this user may read."""
        pages = [page for page in self._registry.values() if isinstance(page, RecordAdmin)]
        return navigation.groups((page for page in pages if page.has_view_permission(request)), request.path)


site = BackOffice(name="admin")
