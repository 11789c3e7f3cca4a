"""Filters of lists, drawn as one form: a choice of a field's values, and a range of days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib.admin import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest


class FormFilter(ListFilter):
    """A filter that the list's form shows; `template` draws its fields, `parameters` are their names."""

    parameters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameters:
            value = params.pop(name, [""])
            self.used_parameters[name] = (value[-1] if isinstance(value, list) else value).strip()

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield from ()

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)


class ChoiceFilter(FormFilter):
    """One of `options` (value, words); subclasses may narrow by more than the field of `parameters`."""

    template = "admin/filters/choice.html"
    options: ClassVar[list[tuple[Any, str]]] = []

    @property
    def name(self) -> str:
        return self.parameters[0]

    @property
    def value(self) -> str:
        return str(self.used_parameters[self.name])

    def shown_options(self) -> list[dict[str, Any]]:
        return [
            {"value": value, "words": words, "chosen": str(value) == self.value}
            for value, words in self.options
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value:
            return queryset
        if self.value not in {str(value) for value, _ in self.options}:
            raise IncorrectLookupParameters(f"{self.name}: no such value")
        return self.narrow(queryset, self.value)

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{self.name: value})


class DaysFilter(FormFilter):
    """From one day to another (UTC), both included, of the time in `column`."""

    template = "admin/filters/days.html"
    title = "Days"
    parameters = ("from", "to")
    column: ClassVar[str]

    @property
    def first(self) -> str:
        return str(self.used_parameters["from"])

    @property
    def last(self) -> str:
        return str(self.used_parameters["to"])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.first:
            queryset = queryset.filter(**{f"{self.column}__gte": _midnight(self.first)})
        if self.last:
            queryset = queryset.filter(**{f"{self.column}__lt": _midnight(self.last) + timedelta(days=1)})
        return queryset


def _midnight(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise IncorrectLookupParameters("not a day") from None
