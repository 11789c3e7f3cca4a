"""Models' rows by a plain statement, for the few that every request asks: `raw` takes longer than the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import JSONField, Model

Row = TypeVar("Row", bound=Model)


def read(model: type[Row], statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
    """The rows of `model` that it selects, their key among them; a column that is no field's is an attribute."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        shape = _shape(model, tuple(column.name for column in cursor.description))
        return [shape.row(model, cells) for cells in cursor.fetchall()]


class _Shape:
    """Which columns are which fields of a model. `from_db` takes values in the order of the model's fields."""

    def __init__(self, model: type[Model], columns: tuple[str, ...]) -> None:
        place_of = {column: place for place, column in enumerate(columns)}
        fields = [field for field in model._meta.concrete_fields if field.column in place_of]
        self.names = [field.attname for field in fields]
        self.places = [place_of.pop(str(field.column)) for field in fields]
        self.texts = {
            place for place, field in zip(self.places, fields, strict=True) if isinstance(field, JSONField)
        }
        self.more = [(place, column) for column, place in place_of.items()]

    def row(self, model: type[Row], cells: tuple[Any, ...]) -> Row:
        values = [
            json.loads(cells[place]) if place in self.texts and cells[place] is not None else cells[place]
            for place in self.places
        ]
        found = model.from_db(DEFAULT_DB_ALIAS, self.names, values)
        for place, name in self.more:
            setattr(found, name, cells[place])
        return found


@lru_cache(maxsize=64)
def _shape(model: type[Model], columns: tuple[str, ...]) -> _Shape:
    return _Shape(model, columns)
