"""A policy's fields as people read and fill them in: name, unit, meaning, and how two versions compare."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lucid_payments.accounts.roles import CREATE, PERMISSIONS, Role
from lucid_payments.money import format_usdt
from routers.models.policy import GLOBAL, RouterPolicy
from routers.policy.changes import loosens

NONE: Final = "no cap"


class Unit(StrEnum):
    USDT = "USDT"
    TRX = "TRX"
    PAYOUTS = "payouts"
    LIST = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a policy. `field` is the column; `role` names one entry of `creator_limits`."""

    field: str
    label: str
    unit: Unit
    meaning: str
    role: str = ""

    @property
    def key(self) -> str:
        return f"{self.field}_{self.role}" if self.role else self.field

    def read(self, policy: RouterPolicy) -> Any:
        value = getattr(policy, self.field)
        return value.get(self.role) if self.role else value

    def show(self, policy: RouterPolicy) -> str:
        """The value as text, without its unit."""
        value = self.read(policy)
        if self.unit == Unit.LIST:
            return ", ".join(name.capitalize() for name in value or ()) or "none"
        if value is None:
            return NONE
        return f"{value:,}" if self.unit == Unit.PAYOUTS else format_usdt(value)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of two versions side by side."""

    row: Row
    before: str
    after: str
    differs: bool
    loosens: bool

    @property
    def note(self) -> str:
        if not self.differs:
            return "same"
        return "loosens" if self.loosens else "tightens"


CREATORS: Final = tuple(role for role in Role if CREATE in PERMISSIONS[role])
_OWN_LIMITS: Final = (
    Row(
        field="payout_minimum", label="Least per payout", unit=Unit.USDT, meaning="An order below it is refused."
    ),
    Row(
        field="payout_maximum", label="Most per payout", unit=Unit.USDT,
        meaning="An order above it is refused. It must fit every limit below and the global ones.",
    ),
)  # fmt: skip
_WINDOWS: Final = (
    Row(
        field="hourly_limit", label="Per hour", unit=Unit.USDT,
        meaning="What may be released in one hour (UTC). The rest is held until the next hour.",
    ),
    Row(
        field="daily_limit", label="Per day", unit=Unit.USDT,
        meaning="What may be released in one day (UTC); more than per hour.",
    ),
)  # fmt: skip
_IN_FLIGHT: Final = Row(
    field="in_flight", label="In flight", unit=Unit.PAYOUTS,
    meaning="Released and not yet seen in a block, at once. Further ones wait for a slot.",
)  # fmt: skip
_ROUTERS: Final = (
    *_OWN_LIMITS,
    *_WINDOWS,
    Row(
        field="recipient_limit", label="Per recipient and day", unit=Unit.USDT,
        meaning="What one address may be paid through this router in one day (UTC).",
    ),
    _IN_FLIGHT,
    Row(
        field="fee_cap", label="Highest fee limit", unit=Unit.TRX,
        meaning="The most that one transaction may burn. A payout that would need more waits.",
    ),
    Row(
        field="batch_types", label="Batch types", unit=Unit.LIST,
        meaning="What an order may ask for: at once, or with the next slot of an hour, day or week.",
    ),
)  # fmt: skip
_EVERYBODY: Final = (
    *_WINDOWS,
    _IN_FLIGHT,
    *(
        Row(
            field="creator_limits",
            role=role.value,
            label=f"Per creator and day: {role.label.lower()}",
            unit=Unit.USDT,
            meaning=f"What one account of the role {role.label.lower()} may have released in one day (UTC), "
            "over all routers. Empty: no cap.",
        )
        for role in CREATORS
    ),
)


def rows_of(scope: str) -> tuple[Row, ...]:
    """The lines that a policy of this scope has, in the order in which pages show them."""
    return _EVERYBODY if scope == GLOBAL else _ROUTERS


def side_by_side(before: RouterPolicy, after: RouterPolicy) -> list[Line]:
    """Every line of two versions of one scope."""
    return [_line(row, before, after) for row in rows_of(after.scope)]


def _line(row: Row, before: RouterPolicy, after: RouterPolicy) -> Line:
    old, new = row.read(before), row.read(after)
    return Line(row, row.show(before), row.show(after), old != new, loosens(row.field, old, new))
