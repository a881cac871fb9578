#!/bin/sh
# At the first start of the primary: a standby may copy it, and no commit is told before the
# standby has it.
set -eu
echo "host replication $POSTGRES_USER all scram-sha-256" >>"$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -c "ALTER SYSTEM SET synchronous_standby_names = 'standby'"
