-- The journal, version 9: variables of a tenant, and what its runs keep between them.
--
-- variables      what expressions name as `vars.NAME`; a run keeps those that it began with
-- stored_values  what runs have put into the tenant's store, as JSON text
-- store_calls    what a step's call to the store gave, so that the call made again gives the same

CREATE TABLE variables (
    tenant        TEXT NOT NULL,
    name          TEXT NOT NULL,
    value         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE stored_values (
    tenant        TEXT NOT NULL,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    expires_at_ms INTEGER,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX stored_values_by_expiry ON stored_values (expires_at_ms)
    WHERE expires_at_ms IS NOT NULL;

CREATE TABLE store_calls (
    call   TEXT NOT NULL PRIMARY KEY,
    result TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX store_calls_by_age ON store_calls (at_ms);
