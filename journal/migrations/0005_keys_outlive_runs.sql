-- The journal, version 5: idempotency keys that outlive their runs.
--
-- A key that has started a run goes on naming it when the run is deleted: `is_deleted` is 1 then,
-- and the row goes once it is old enough. So `run` may name a row of `runs` that is gone, and is
-- no foreign key any more.

CREATE TABLE start_keys (
    tenant        TEXT NOT NULL,
    key           TEXT NOT NULL,
    run           INTEGER NOT NULL,
    fingerprint   TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    is_deleted    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

INSERT INTO start_keys (tenant, key, run, fingerprint, created_at_ms)
    SELECT tenant, key, run, fingerprint, created_at_ms FROM idempotency;

DROP TABLE idempotency;

CREATE INDEX start_keys_by_run ON start_keys (run);
CREATE INDEX start_keys_of_deleted_runs ON start_keys (created_at_ms) WHERE is_deleted;
