"""What the application's database role may do: work in every table, but never change history.

Migrations run as the owner; everything else runs as `settings.DATABASE_APP_ROLE`, which holds INSERT and SELECT
alone on append-only tables. A trigger (`append_only`) refuses the same to everybody, the owner included.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from psycopg import sql

from lucid_payments import clock

APPEND_ONLY_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def append_only(table: str) -> str:
    """SQL for a migration: UPDATE, DELETE and TRUNCATE of `table` raise."""
    return f"""
    CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER {table}_table_stays BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    """


def forgotten_tables() -> set[str]:
    """Append-only tables whose old rows may be deleted: a trigger of their own says which."""
    return {model._meta.db_table for model in apps.get_models() if getattr(model, "is_forgotten", False)}


def append_only_tables() -> list[str]:
    return [model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)]


def after_migrate(sender: Any, using: str = "default", **kwargs: Any) -> None:
    if sender.label != "lucid_payments":
        return
    clock.install()
    grant(using)


def grant(using: str = "default") -> None:
    """Give the application's role what it needs and no more; silent where that role doesn't exist."""
    role = settings.DATABASE_APP_ROLE
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT count(*) FROM pg_roles WHERE rolname = %s)", [role])
        current, known = cursor.fetchone()
        if current == role or not known:
            return
        cursor.execute(
            sql.SQL(
                "GRANT USAGE ON SCHEMA public TO {role};"
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
                "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};"
            )
            .format(role=sql.Identifier(role))
            .as_string(cursor.connection)
        )
        # A partial migrate, to an earlier state, leaves some of them out.
        existing = set(connections[using].introspection.table_names(cursor))
        forgotten = forgotten_tables()
        for table in existing.intersection(append_only_tables()):
            rights = "UPDATE, TRUNCATE" if table in forgotten else "UPDATE, DELETE, TRUNCATE"
            cursor.execute(
                sql.SQL("REVOKE {rights} ON {table} FROM {role}")
                .format(rights=sql.SQL(rights), table=sql.Identifier(table), role=sql.Identifier(role))
                .as_string(cursor.connection)
            )
