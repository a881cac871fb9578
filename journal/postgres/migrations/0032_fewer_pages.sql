-- The journal in PostgreSQL, version 32: one index of ends for lists and for retention.

DROP INDEX runs_ended;
DROP INDEX runs_by_end;
CREATE INDEX runs_by_end ON runs (tenant, status, ended_at_ms, id, workflow_id)
    WHERE parent IS NULL AND ended_at_ms IS NOT NULL;
CREATE INDEX child_runs_by_end ON runs (tenant, status, ended_at_ms, id, workflow_id)
    WHERE parent IS NOT NULL AND ended_at_ms IS NOT NULL;
