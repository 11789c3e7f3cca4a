import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0019_session_paid_once"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DistributionRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("period", models.CharField(help_text="2026-10", max_length=7, unique=True)),
                (
                    "starts_at",
                    models.DateTimeField(help_text="the cut-off before; sessions that ended from then on"),
                ),
                ("cut_off", models.DateTimeField(help_text="sessions that ended before it")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("frozen", "Frozen"),
                            ("computed", "Computed"),
                            ("approved", "Approved"),
                            ("scheduled", "Scheduled"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("settled", "Settled"),
                            ("reported", "Reported"),
                        ],
                        default="draft",
                        max_length=9,
                    ),
                ),
                (
                    "seed",
                    models.CharField(
                        blank=True, help_text="id of the first solid block from the cut-off on", max_length=64
                    ),
                ),
                ("seed_block", models.BigIntegerField(null=True)),
                (
                    "pool_kind",
                    models.CharField(
                        blank=True,
                        choices=[("fixed", "A fixed sum"), ("rate", "A rate per credit")],
                        max_length=5,
                    ),
                ),
                (
                    "pool_amount",
                    models.BigIntegerField(help_text="the fixed sum, or the rate for one credit", null=True),
                ),
                (
                    "minimum",
                    models.BigIntegerField(default=5000000, help_text="below it an amount carries over"),
                ),
                (
                    "seen_up_to",
                    models.BigIntegerField(
                        help_text="the last reported event that it saw; what came later is a later run's",
                        null=True,
                    ),
                ),
                (
                    "inputs",
                    models.BigIntegerField(default=0, help_text="rows of work taken, corrections included"),
                ),
                (
                    "adjustments",
                    models.BigIntegerField(
                        default=0, help_text="of them late, or taking back what was corrected"
                    ),
                ),
                (
                    "paid_by_themselves",
                    models.BigIntegerField(
                        default=0, help_text="rows left out, since a payout names their session"
                    ),
                ),
                ("inputs_hash", models.CharField(blank=True, max_length=64)),
                ("recipients", models.IntegerField(default=0)),
                ("credits", models.BigIntegerField(default=0)),
                (
                    "carried_in",
                    models.BigIntegerField(default=0, help_text="what earlier runs carried or held"),
                ),
                (
                    "computation",
                    models.SmallIntegerField(
                        default=0, help_text="1, 2, …: approvals of an earlier one count no more"
                    ),
                ),
                (
                    "pool",
                    models.BigIntegerField(default=0, help_text="what is shared: the sum of all shares"),
                ),
                ("run_hash", models.CharField(blank=True, help_text="what approvals bind to", max_length=64)),
                ("scheduled_for", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("settled_at", models.DateTimeField(null=True)),
                ("version", models.IntegerField(default=1, help_text="grows with every change of state")),
                (
                    "pool_by",
                    models.ForeignKey(
                        help_text="who entered the pool",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-period",),
            },
        ),
        migrations.CreateModel(
            name="Entitlement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[("node", "Node"), ("user", "User")], max_length=4)),
                ("recipient", models.CharField(max_length=50)),
                ("sessions", models.BigIntegerField()),
                ("megabytes", models.DecimalField(decimal_places=6, max_digits=24)),
                ("credits", models.BigIntegerField()),
                ("carried_in", models.BigIntegerField(help_text="from earlier runs")),
                (
                    "rank",
                    models.IntegerField(help_text="0, 1, … in the order of the hashes; the order of payment"),
                ),
                (
                    "router_type",
                    models.CharField(
                        choices=[
                            ("PayoutRouterV0", "PayoutRouterV0"),
                            ("PayoutRouterKYC", "PayoutRouterKYC"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "address",
                    models.CharField(blank=True, help_text="as frozen; empty: there was none", max_length=34),
                ),
                ("share", models.BigIntegerField(default=0, help_text="of this run's pool")),
                ("amount", models.BigIntegerField(help_text="share and what was carried in")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("pay", "Paid"), ("carry", "Carried over"), ("hold", "Held")],
                        max_length=5,
                    ),
                ),
                (
                    "outcome_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_wallet", "No wallet"),
                            ("not_registered", "Not registered here, or disabled"),
                            ("node_inactive", "Node not active"),
                            ("kyc", "Not verified"),
                            ("attestation", "No attestation that allows it"),
                            ("reputation", "Reputation too low"),
                            ("screening", "Recipient not accepted"),
                            ("address_changed", "Address changed since the freeze"),
                            ("too_small", "A chunk would be too small for its router"),
                            ("refused", "Refused"),
                            ("called_off", "Called off or failed"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("frozen", "Not computed yet"),
                            ("due", "Due"),
                            ("held", "Held"),
                            ("paid", "Paid"),
                            ("carried", "Carried over"),
                            ("moved", "Moved to a later run"),
                        ],
                        default="frozen",
                        max_length=7,
                    ),
                ),
                (
                    "hold_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_wallet", "No wallet"),
                            ("not_registered", "Not registered here, or disabled"),
                            ("node_inactive", "Node not active"),
                            ("kyc", "Not verified"),
                            ("attestation", "No attestation that allows it"),
                            ("reputation", "Reputation too low"),
                            ("screening", "Recipient not accepted"),
                            ("address_changed", "Address changed since the freeze"),
                            ("too_small", "A chunk would be too small for its router"),
                            ("refused", "Refused"),
                            ("called_off", "Called off or failed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("hold_detail", models.CharField(blank=True, max_length=300)),
                (
                    "pay_to",
                    models.CharField(
                        blank=True,
                        help_text="the frozen address, or what two people confirmed",
                        max_length=34,
                    ),
                ),
                (
                    "committed",
                    models.BigIntegerField(default=0, help_text="in payouts that are open or confirmed"),
                ),
                ("paid", models.BigIntegerField(default=0, help_text="confirmed on the chain")),
                (
                    "next_chunk",
                    models.IntegerField(
                        default=1, help_text="the number of the next chunk, and so its round"
                    ),
                ),
                ("look_again_at", models.DateTimeField(null=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entitlements",
                        to="payouts.distributionrun",
                    ),
                ),
            ],
            options={
                "ordering": ("run", "rank"),
            },
        ),
        migrations.CreateModel(
            name="Chunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField(help_text="1, 2, …; the round it was paid in")),
                ("attempt", models.SmallIntegerField(default=1, help_text="1, or which further try")),
                ("created_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "payout",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="chunk", to="payouts.payout"
                    ),
                ),
                (
                    "entitlement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="chunks",
                        to="payouts.entitlement",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Carry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[("node", "Node"), ("user", "User")], max_length=4)),
                ("recipient", models.CharField(max_length=50)),
                ("amount", models.BigIntegerField()),
                ("was_held", models.BooleanField(help_text="held, and not only below the minimum")),
                (
                    "run",
                    models.ForeignKey(
                        help_text="that takes it in",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="carries",
                        to="payouts.distributionrun",
                    ),
                ),
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="carry",
                        to="payouts.entitlement",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "carries",
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="RunApproval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("approver_label", models.CharField(max_length=200)),
                ("run_hash", models.CharField(max_length=64)),
                ("number", models.SmallIntegerField(help_text="1 or 2 of this hash")),
                ("note", models.CharField(blank=True, max_length=300)),
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
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="payouts.distributionrun",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="RunInput",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sign", models.SmallIntegerField()),
                ("kind", models.CharField(choices=[("node", "Node"), ("user", "User")], max_length=4)),
                ("recipient", models.CharField(max_length=50)),
                ("session_id", models.CharField(max_length=50)),
                ("sessions", models.BigIntegerField()),
                ("megabytes", models.DecimalField(decimal_places=6, max_digits=18)),
                ("ended_at", models.DateTimeField()),
                ("adjustment", models.BooleanField(help_text="of an earlier period")),
                ("digest", models.BinaryField(help_text="SHA-256 of what stands here", max_length=32)),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.workevent",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="work",
                        to="payouts.distributionrun",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="RunStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("action", models.CharField(max_length=20)),
                ("from_state", models.CharField(blank=True, max_length=9)),
                ("to_state", models.CharField(max_length=9)),
                ("actor_label", models.CharField(max_length=200)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="payouts.distributionrun",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.AddConstraint(
            model_name="distributionrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("cut_off"))), name="run_period_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="distributionrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "draft",
                            "frozen",
                            "computed",
                            "approved",
                            "scheduled",
                            "running",
                            "paused",
                            "settled",
                            "reported",
                        ],
                    )
                ),
                name="run_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="distributionrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "draft"),
                    models.Q(
                        models.Q(("seed", ""), _negated=True), models.Q(("inputs_hash", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="run_frozen_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="distributionrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("draft", "frozen")),
                    models.Q(
                        models.Q(("run_hash", ""), _negated=True), models.Q(("pool_kind", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="run_computed_is_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="entitlement",
            index=models.Index(
                condition=models.Q(("committed__lt", models.F("amount")), ("state", "due")),
                fields=["run", "router_type", "next_chunk", "rank"],
                name="entitlement_next",
            ),
        ),
        migrations.AddIndex(
            model_name="entitlement",
            index=models.Index(
                condition=models.Q(("state", "held")),
                fields=["run", "look_again_at"],
                name="entitlement_held",
            ),
        ),
        migrations.AddIndex(
            model_name="entitlement",
            index=models.Index(fields=["kind", "recipient", "-run"], name="entitlement_of_recipient"),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.UniqueConstraint(
                fields=("run", "kind", "recipient"), name="entitlement_once_per_run"
            ),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.UniqueConstraint(fields=("run", "rank"), name="entitlement_rank_once"),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount",
                        django.db.models.expressions.CombinedExpression(
                            models.F("share"), "+", models.F("carried_in")
                        ),
                    )
                ),
                name="entitlement_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("carried_in__gte", 0),
                    ("paid__gte", 0),
                    ("share__gte", 0),
                    ("paid__lte", models.F("committed")),
                    ("committed__lte", models.F("amount")),
                ),
                name="entitlement_never_more_than_is_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "held"), _negated=True),
                    models.Q(("hold_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="entitlement_hold_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="chunk",
            constraint=models.UniqueConstraint(
                fields=("entitlement", "number", "attempt"), name="chunk_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chunk",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempt__gte", 1), ("number__gte", 1)), name="chunk_numbered"
            ),
        ),
        migrations.AddConstraint(
            model_name="carry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="carry_is_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="runapproval",
            constraint=models.UniqueConstraint(
                fields=("run", "run_hash", "approver"), name="run_approvers_distinct"
            ),
        ),
        migrations.AddConstraint(
            model_name="runapproval",
            constraint=models.UniqueConstraint(
                fields=("run", "run_hash", "number"), name="run_approval_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="runapproval",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1), ("number__lte", 2)), name="run_approval_numbered"
            ),
        ),
        migrations.AddIndex(
            model_name="runinput",
            index=models.Index(fields=["session_id"], name="run_input_by_session"),
        ),
        migrations.AddConstraint(
            model_name="runinput",
            constraint=models.CheckConstraint(
                condition=models.Q(("sign__in", (1, -1))), name="run_input_sign"
            ),
        ),
        migrations.AddConstraint(
            model_name="runinput",
            constraint=models.UniqueConstraint(fields=("event", "sign"), name="run_input_counts_once"),
        ),
    ]
