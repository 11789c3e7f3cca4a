"""Who must agree before a payout may go: rules, requests, and what approvers said."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0015_work_events"),
        ("routers", "0008_break_glass_stays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "creator_role",
                    models.CharField(
                        choices=[
                            ("admin", "Administrator"),
                            ("node_operator", "Node operator"),
                            ("end_user", "End user"),
                            ("service", "Service"),
                            ("compliance_officer", "Compliance officer"),
                            ("payout_approver", "Payout approver"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=20,
                    ),
                ),
                ("version", models.IntegerField(help_text="1, 2, … within the role")),
                (
                    "payout_above",
                    models.BigIntegerField(help_text="one approval for a payout above it", null=True),
                ),
                (
                    "batch_above",
                    models.BigIntegerField(
                        help_text="one approval for a batch whose total is above it", null=True
                    ),
                ),
                (
                    "day_above",
                    models.BigIntegerField(
                        help_text="one approval once the creator's last 24 hours are above it", null=True
                    ),
                ),
                (
                    "two_above",
                    models.BigIntegerField(
                        help_text="two approvals when any of the three is above it", null=True
                    ),
                ),
                ("author_label", models.CharField(max_length=200)),
                ("second_label", models.CharField(blank=True, max_length=200)),
                ("reason", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
            ],
            options={
                "ordering": ("creator_role", "version"),
            },
        ),
        migrations.CreateModel(
            name="ApprovalRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("needed", models.SmallIntegerField(help_text="approvals, each by another person")),
                ("network", models.CharField(max_length=20)),
                ("payouts_asked", models.IntegerField()),
                ("largest", models.BigIntegerField()),
                ("total", models.BigIntegerField()),
                ("day", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Called off"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval_request",
                        to="payouts.payoutbatch",
                    ),
                ),
                (
                    "creator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("approver_label", models.CharField(max_length=200)),
                (
                    "decision",
                    models.CharField(choices=[("approve", "Approved"), ("reject", "Rejected")], max_length=7),
                ),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "number",
                    models.SmallIntegerField(help_text="1, 2, … of the approvals of this content", null=True),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("found", models.JSONField(default=list, help_text="what each check said at that moment")),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "approver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="payouts.approvalrequest",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.AddField(
            model_name="payout",
            name="approval",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="what people had to agree to; NULL: nobody had to",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payouts",
                to="payouts.approvalrequest",
            ),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                condition=models.Q(("approval__isnull", False)),
                fields=["approval", "id"],
                name="payout_by_approval",
            ),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                django.db.models.functions.text.Left("recipient_address", 4),
                django.db.models.functions.text.Right("recipient_address", 4),
                models.F("recipient_address"),
                condition=models.Q(("status", "confirmed")),
                name="payout_paid_by_ends",
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="author",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="approvalrule",
            name="second",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="approvalrequest",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.approvalrule"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision", "approve")),
                fields=("request", "content_hash", "approver"),
                name="approval_approvers_distinct",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                fields=("request", "content_hash", "number"), name="approval_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decision", "approve"), ("number__gte", 1), ("number__lte", 2)),
                    models.Q(("decision", "reject"), ("number__isnull", True)),
                    _connector="OR",
                ),
                name="approval_numbered",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.UniqueConstraint(
                fields=("creator_role", "version"), name="approval_rule_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("version", 1),
                    models.Q(
                        ("author__isnull", False),
                        ("second__isnull", False),
                        models.Q(("author", models.F("second")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approval_rule_changed_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("payout_above__isnull", True), ("payout_above__gte", 0), _connector="OR"),
                    models.Q(("batch_above__isnull", True), ("batch_above__gte", 0), _connector="OR"),
                    models.Q(("day_above__isnull", True), ("day_above__gte", 0), _connector="OR"),
                    models.Q(("two_above__isnull", True), ("two_above__gte", 0), _connector="OR"),
                ),
                name="approval_rule_not_negative",
            ),
        ),
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["id"], name="approval_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("needed__gte", 1), ("needed__lte", 2)), name="approval_needed_in_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state", "waiting")),
                    models.Q(models.Q(("state", "waiting"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="approval_request_ends_once",
            ),
        ),
    ]
