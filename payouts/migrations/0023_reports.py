"""Reports: what was asked for, and the files of each as parts. Ledger rows are found by their time."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0022_slots"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("day", "Day"),
                            ("month", "Month"),
                            ("batch", "Batch"),
                            ("journal", "Journal"),
                        ],
                        max_length=10,
                    ),
                ),
                ("about", models.CharField(help_text="2026-11-22, 2026-11, a batch's id, …", max_length=60)),
                ("parameters", models.JSONField(default=dict, help_text="what exactly was asked for")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting to start"),
                            ("running", "Being made"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cleared", "Files cleared away"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("maker_label", models.CharField(max_length=200)),
                ("tries", models.SmallIntegerField(default=0, help_text="how often a worker has begun it")),
                (
                    "leased_until",
                    models.DateTimeField(help_text="until then it is one worker's alone", null=True),
                ),
                ("as_of", models.DateTimeField(help_text="the one moment that all of it shows", null=True)),
                ("rows", models.IntegerField(default=0)),
                (
                    "agrees",
                    models.BooleanField(help_text="whether payouts, ledger and chain agree", null=True),
                ),
                (
                    "verdict",
                    models.CharField(blank=True, help_text="that in words, or why it failed", max_length=500),
                ),
                ("asked_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("cleared_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="ReportFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("content_type", models.CharField(max_length=100)),
                ("size", models.BigIntegerField(help_text="bytes")),
                ("sha256", models.CharField(max_length=64)),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="ReportPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("content", models.BinaryField()),
            ],
            options={
                "ordering": ("number",),
            },
        ),
        migrations.AddIndex(
            model_name="ledgertransfer",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["at"], name="ledger_by_time"),
        ),
        migrations.AddField(
            model_name="report",
            name="maker",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reportfile",
            name="report",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="files", to="payouts.report"
            ),
        ),
        migrations.AddField(
            model_name="reportpart",
            name="file",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="payouts.reportfile"
            ),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["state", "id"], name="report_by_state"),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["maker", "-id"], name="report_by_maker"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state__in", ("queued", "running"))),
                    models.Q(("ended_at__isnull", False), ("state__in", ("done", "failed", "cleared"))),
                    _connector="OR",
                ),
                name="report_ended_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportfile",
            constraint=models.UniqueConstraint(fields=("report", "name"), name="report_file_once"),
        ),
        migrations.AddConstraint(
            model_name="reportfile",
            constraint=models.CheckConstraint(condition=models.Q(("size__gte", 0)), name="report_file_size"),
        ),
        migrations.AddConstraint(
            model_name="reportpart",
            constraint=models.UniqueConstraint(fields=("file", "number"), name="report_part_once"),
        ),
        migrations.RunSQL(append_only("payouts_reportfile"), migrations.RunSQL.noop),
    ]
