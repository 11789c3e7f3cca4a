"""Payouts added up by when, by whom and on which router they were asked for: what `GET /stats` reads.

A trigger on the payouts' table writes a `TallyChange` beside every change, whoever makes it; nothing is updated, so
no two payouts wait for each other's sums. `payouts.tally` folds the changes into `Tally`; both together are exact.
"""

from __future__ import annotations

from django.db import models


class Grain(models.TextChoices):
    MINUTE = "minute"
    HOUR = "hour"


class Figures(models.Model):
    """Of payouts created in one stretch of time. After a change they are its differences, and may be negative."""

    router_type = models.CharField(max_length=20)
    count = models.BigIntegerField()
    amount = models.BigIntegerField(help_text="base units")
    ended = models.BigIntegerField(help_text="of them, ended in whatever way")
    confirmed = models.BigIntegerField(help_text="of them, paid")

    class Meta:
        abstract = True


class TallyChange(Figures):
    """What one statement changed of the payouts that one caller created in one minute; gone once it is folded."""

    minute = models.DateTimeField(help_text="of creation, UTC")
    creator_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.router_type} {self.count:+}"


class Tally(Figures):
    """The sums of one minute or hour of creation (UTC); minutes older than `payouts.tally.MINUTES_KEPT` are gone."""

    creator_id = models.BigIntegerField(help_text="0: of everybody together")
    grain = models.CharField(max_length=6, choices=Grain)
    starts_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("creator_id", "grain", "starts_at", "router_type"), name="tally_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=("starts_at",), name="tally_minutes_by_age", condition=models.Q(grain="minute")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grain} {self.starts_at:%Y-%m-%d %H:%M} {self.router_type} {self.count}"
