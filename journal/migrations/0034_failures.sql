-- The journal, version 34: why runs failed, and which wait for a moment.
--
-- A run that has failed has a row here with the step and the type of the error of its newest event,
-- written in the transaction of that event, so that lists find it by them. No other run has one.
-- `runs_by_wait` has the runs that wait for a moment.

CREATE TABLE run_failures (
    run           INTEGER PRIMARY KEY
                  REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant        TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    error_type    TEXT NOT NULL,
    step_id       TEXT
) STRICT;

INSERT INTO run_failures
    SELECT r.id, r.tenant, r.started_at_ms, json_extract(e.body, '$.error.type'),
           json_extract(e.body, '$.error.step_id')
    FROM runs r CROSS JOIN events e ON e.run = r.id AND e.seq = r.seq
    WHERE r.status = 'failed' AND e.type = 'RunFailed' AND json_valid(e.body)
        AND json_extract(e.body, '$.error.type') IS NOT NULL;

CREATE INDEX run_failures_by_type ON run_failures (tenant, error_type, started_at_ms, run);
CREATE INDEX run_failures_by_step ON run_failures (tenant, step_id, started_at_ms, run)
    WHERE step_id IS NOT NULL;

CREATE INDEX runs_by_wait ON runs (tenant, state, started_at_ms, id)
    WHERE state IN ('backing_off', 'sleeping');
