"""The first version of every policy, from the settings; one breaker and one kill switch a router; history stays."""

from django.conf import settings
from django.db import migrations

from lucid_payments.money import SUN_PER_TRX
from lucid_payments.privileges import append_only

V0, KYC = "PayoutRouterV0", "PayoutRouterKYC"
LEAST = 10_000
BATCH_TYPES = ["IMMEDIATE", "HOURLY", "DAILY", "WEEKLY"]
TABLES = ("routers_routerpolicy", "routers_limitwaiver", "routers_breakerevent")

LOOSENING = """
CREATE FUNCTION refuse_silent_loosening() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before routers_routerpolicy;
    none CONSTANT bigint := 9223372036854775807;
BEGIN
    IF NEW.version = 1 THEN
        RETURN NEW;
    END IF;
    SELECT * INTO before FROM routers_routerpolicy WHERE scope = NEW.scope AND version = NEW.version - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy of %: version % has none before it', NEW.scope, NEW.version
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT NEW.loosens AND (
        NEW.hourly_limit > before.hourly_limit OR NEW.daily_limit > before.daily_limit
        OR NEW.in_flight > before.in_flight
        OR coalesce(NEW.payout_minimum, 0) < coalesce(before.payout_minimum, 0)
        OR coalesce(NEW.payout_maximum, none) > coalesce(before.payout_maximum, none)
        OR coalesce(NEW.recipient_limit, none) > coalesce(before.recipient_limit, none)
        OR coalesce(NEW.fee_cap, none) > coalesce(before.fee_cap, none)
    ) THEN
        RAISE EXCEPTION 'policy of %: version % loosens without saying so', NEW.scope, NEW.version
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER routers_routerpolicy_loosening BEFORE INSERT ON routers_routerpolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_silent_loosening();
"""


def create(apps, schema_editor):
    policy = apps.get_model("routers", "RouterPolicy")
    said = {"version": 1, "author_label": "settings", "reason": "The settings of the first start."}
    policy.objects.create(
        scope="global",
        hourly_limit=settings.CIRCUIT_BREAKER_HOURLY_LIMIT,
        daily_limit=settings.CIRCUIT_BREAKER_DAILY_LIMIT,
        in_flight=settings.IN_FLIGHT_CAP,
        creator_limits={
            "end_user": settings.END_USER_DAILY_LIMIT,
            "node_operator": settings.NODE_OPERATOR_DAILY_LIMIT,
            "service": settings.SERVICE_DAILY_LIMIT,
        },
        **said,
    )
    for number, (router, prefix) in enumerate(((V0, "V0"), (KYC, "KYC")), start=2):
        policy.objects.create(
            scope=router,
            payout_minimum=LEAST,
            payout_maximum=getattr(settings, f"{prefix}_PAYOUT_MAXIMUM"),
            hourly_limit=getattr(settings, f"{prefix}_HOURLY_LIMIT"),
            daily_limit=getattr(settings, f"{prefix}_DAILY_LIMIT"),
            recipient_limit=getattr(settings, f"{prefix}_RECIPIENT_DAILY_LIMIT"),
            in_flight=getattr(settings, f"{prefix}_IN_FLIGHT_CAP"),
            fee_cap=settings.FEE_LIMIT_CAP_TRX * SUN_PER_TRX,
            batch_types=BATCH_TYPES,
            **said,
        )
        apps.get_model("routers", "Breaker").objects.create(scope=router)
        apps.get_model("routers", "KillSwitch").objects.create(pk=number, scope=router)


class Migration(migrations.Migration):
    dependencies = [("routers", "0003_policies_breakers_and_two_people")]
    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
        *(migrations.RunSQL(append_only(table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(LOOSENING, migrations.RunSQL.noop),
    ]
