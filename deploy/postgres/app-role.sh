#!/bin/bash
# Run once by the PostgreSQL image, in an empty cluster: the working role, which owns nothing.
set -euo pipefail

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$(< /run/secrets/postgres-app-password)" << 'SQL'
CREATE ROLE lucid_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SQL
