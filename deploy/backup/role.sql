-- The role that backs up: it reads the whole cluster by replication, and may change nothing.
CREATE ROLE lucid_backup LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE;
GRANT CONNECT ON DATABASE lucid TO lucid_backup;
