"""The groups that the navigation shows its pages in, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucid_payments.backoffice.records import RecordAdmin


class Group(StrEnum):
    """The value is the group's heading."""

    WORK = "Every day"
    COMPLIANCE = "Compliance"
    LIMITS = "Limits"
    MONEY = "Money"
    PEOPLE = "People and clients"
    EVIDENCE = "Evidence"


def groups(pages: Iterable[RecordAdmin], path: str) -> list[dict[str, Any]]:
    """The pages by group, each with its address; `current` is the one that `path` belongs to. No empty groups."""
    ordered = sorted(pages, key=lambda page: page.place)
    found = [
        {
            "name": group.value,
            "pages": [
                {"name": page.title, "url": page.list_url(), "current": path.startswith(page.list_url())}
                for page in ordered
                if page.group == group
            ],
        }
        for group in Group
    ]
    return [group for group in found if group["pages"]]
