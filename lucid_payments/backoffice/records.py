"""The base of every page of rows: a list by key with exact search, a page per row, and nothing to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from lucid_payments.backoffice import policy
from lucid_payments.backoffice.keyset import KeysetChangeList
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

READING = ("GET", "HEAD")


class RecordAdmin(_ModelAdmin):
    """Rows that the back office reads. Nothing here writes: no form, no action, no address for one."""

    area: ClassVar[Area]
    # The heading, and the name in the navigation.
    title: ClassVar[str]
    # Where the navigation shows it, and its place there, low numbers first.
    group: ClassVar[Group]
    place: ClassVar[int]
    # Shown under the list's heading: what these rows are.
    about: ClassVar[str] = ""
    # Without a template rows have no page of their own.
    page_template: ClassVar[str | None] = None
    # The unique column that a row's address carries.
    page_key: ClassVar[str] = "pk"
    # What the search box takes, in words; empty: no box.
    search_for: ClassVar[str] = ""

    actions = None
    empty_value_display = ""
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    change_list_template = "admin/records.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_urls(self) -> list[URLPattern]:
        urls = [path("", self.admin_site.admin_view(self.changelist_view), name=self._name("changelist"))]
        if self.page_template is not None:
            page = self.admin_site.admin_view(self.page_view)
            urls.append(path("<str:key>/", page, name=self._name("change")))
        return urls

    def list_url(self) -> str:
        return reverse(f"admin:{self._name('changelist')}")

    def url_of(self, row: Model) -> str:
        return reverse(f"admin:{self._name('change')}", args=[getattr(row, self.page_key)])

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return super().get_list_display_links(request, list_display) if self.page_template else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact look-ups alone, each served by an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return (queryset.none() if "\0" in term else self.find(queryset, term)), False

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """The rows that `term` names; pages with a search box say how."""
        raise NotImplementedError

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        context = {
            "title": self.title,
            "about": self.about,
            "search_for": self.search_for,
            "has_bad_filter": "e" in request.GET,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """One row's page."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if self.page_template is None:
            raise Http404
        row = self._row(request, key)
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "list_url": self.list_url(),
            "list_name": self.title,
            "row": row,
            **self.page_context(request, row),
        }
        return TemplateResponse(request, self.page_template, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What `page_template` needs beside the row."""
        return {}

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(policy.may_read(request.user, self.area))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _row(self, request: HttpRequest, key: str) -> Any:
        rows = self.get_queryset(request)
        try:
            row = rows.filter(**{self.page_key: key}).first() if "\0" not in key else None
        except (ValueError, ValidationError):
            row = None
        if row is None:
            raise Http404
        return row

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
