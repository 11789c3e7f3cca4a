"""Lists by key instead of by page number: no COUNT, no OFFSET, the same few milliseconds on any page."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

OLDER_THAN: Final = "before"
NEWER_THAN: Final = "after"
_POSITIONS: Final = (OLDER_THAN, NEWER_THAN)
_LARGEST_KEY: Final = 2**63 - 1


class KeysetChangeList(ChangeList):
    """Rows by descending primary key, one page's worth, with links to the next older and newer ones."""

    newer_url: str | None
    older_url: str | None

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Only what this list's own filters ask for: no look-up through relations by the address."""
        known = {name for list_filter in self.list_filter for name in getattr(list_filter, "parameters", ())}
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name in known}

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """The one order that keyset paging stands on; nothing in the address changes it."""
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        older_than, newer_than = self._position(OLDER_THAN), self._position(NEWER_THAN)
        size = self.list_per_page
        if newer_than is not None:
            found = list(self.queryset.filter(pk__gt=newer_than).order_by("pk")[: size + 1])
            rows, has_newer, has_older = found[:size][::-1], len(found) > size, True
        else:
            queryset = self.queryset if older_than is None else self.queryset.filter(pk__lt=older_than)
            found = list(queryset[: size + 1])
            rows, has_newer, has_older = found[:size], older_than is not None, len(found) > size
        self._show(rows)
        self.newer_url = self._link(NEWER_THAN, rows[0]) if rows and has_newer else None
        self.older_url = self._link(OLDER_THAN, rows[-1]) if rows and has_older else None

    def url_for_result(self, result: Model) -> str:
        url: str = self.model_admin.url_of(result)  # type: ignore[attr-defined]
        return url

    @property
    def first_url(self) -> str:
        """This list, with its filters, from the newest row."""
        return self.get_query_string(remove=list(_POSITIONS))

    def _show(self, rows: list[Any]) -> None:
        """What Django's own templates and tags read."""
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = False
        self.multi_page = False

    def _position(self, name: str) -> int | None:
        text = self.params.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_KEY):
            raise IncorrectLookupParameters(f"{name} isn't a row's key")
        return int(text)

    def _link(self, name: str, row: Model) -> str:
        others = [position for position in _POSITIONS if position != name]
        return self.get_query_string({name: str(row.pk)}, remove=others)
