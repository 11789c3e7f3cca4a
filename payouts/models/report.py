"""Reports: what was asked for, by whom, what came of it, and its files for as long as they are kept."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow


class ReportKind(models.TextChoices):
    DAY = "day", "Day"
    MONTH = "month", "Month"
    BATCH = "batch", "Batch"
    JOURNAL = "journal", "Journal"
    RUN = "run", "Monthly run"


class ReportState(models.TextChoices):
    QUEUED = "queued", "Waiting to start"
    RUNNING = "running", "Being made"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CLEARED = "cleared", "Files cleared away"


OPEN_REPORT = (ReportState.QUEUED, ReportState.RUNNING)


class Report(models.Model):
    """One report. Its row stays for ever, with the hashes of its files; the files themselves are kept for a while."""

    kind = models.CharField(max_length=10, choices=ReportKind)
    about = models.CharField(max_length=60, help_text="2026-11-22, 2026-11, a batch's id, …")
    parameters = models.JSONField(default=dict, help_text="what exactly was asked for")
    state = models.CharField(max_length=8, choices=ReportState, default=ReportState.QUEUED)
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="NULL: by itself"
    )
    maker_label = models.CharField(max_length=200)
    tries = models.SmallIntegerField(default=0, help_text="how often a worker has begun it")
    leased_until = models.DateTimeField(null=True, help_text="until then it is one worker's alone")
    as_of = models.DateTimeField(null=True, help_text="the one moment that all of it shows")
    rows = models.IntegerField(default=0)
    agrees = models.BooleanField(null=True, help_text="whether payouts, ledger and chain agree")
    verdict = models.CharField(max_length=500, blank=True, help_text="that in words, or why it failed")
    asked_at = models.DateTimeField(db_default=LucidNow())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running"), ended_at__isnull=True)
                | Q(state__in=("done", "failed", "cleared"), ended_at__isnull=False),
                name="report_ended_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=("state", "id"), name="report_by_state"),
            models.Index(fields=("maker", "-id"), name="report_by_maker"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} report {self.about}"


class ReportFile(models.Model):
    """A file of a report as it was made; the row outlives its content, and is never changed."""

    append_only: ClassVar[bool] = True

    report = models.ForeignKey(Report, models.PROTECT, related_name="files")
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("report", "name"), name="report_file_once"),
            models.CheckConstraint(condition=Q(size__gte=0), name="report_file_size"),
        ]

    def __str__(self) -> str:
        return self.name


class ReportPart(models.Model):
    """A megabyte of a file, so that no process ever holds more of it."""

    file = models.ForeignKey(ReportFile, models.CASCADE, related_name="parts")
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("file", "number"), name="report_part_once")]

    def __str__(self) -> str:
        return f"part {self.number} of {self.file_id}"
