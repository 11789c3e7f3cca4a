import django.contrib.postgres.fields
from django.db import migrations, models

# Until here a duty was one of Django's permissions, given on no page.
TAKE_OVER = """
UPDATE accounts_user SET duties = held.duties
FROM (
    SELECT given.user_id, array_agg(
        CASE permission.codename WHEN 'lead_review' THEN 'lead' ELSE 'responsible' END ORDER BY permission.codename DESC
    ) AS duties
    FROM accounts_user_user_permissions given JOIN auth_permission permission ON permission.id = given.permission_id
    WHERE permission.codename IN ('lead_review', 'decide_escalated') GROUP BY given.user_id
) held
WHERE accounts_user.id = held.user_id AND accounts_user.role = 'compliance_officer';
DELETE FROM accounts_user_user_permissions given USING auth_permission permission
WHERE permission.id = given.permission_id AND permission.codename IN ('lead_review', 'decide_escalated');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_fact_keys"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="duties",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[("lead", "Leads the KYC desk"), ("responsible", "Responsible officer")],
                    max_length=20,
                ),
                blank=True,
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("duties__contained_by", ["lead", "responsible"])),
                name="user_duty_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("duties", []), ("role", "compliance_officer"), _connector="OR"),
                name="user_duties_fit_the_role",
            ),
        ),
        migrations.RunSQL(TAKE_OVER, migrations.RunSQL.noop),
    ]
