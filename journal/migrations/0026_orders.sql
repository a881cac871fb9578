-- The journal, version 26: lists in other orders, and without child runs.
--
-- A list that folds child runs reads those that no run has started from an index of their own; the
-- list of all is put together from both. Runs that have ended are listed by their end and by how
-- long they took; nothing of that changes later, so each entry is written once.

DROP INDEX runs_by_status;
CREATE INDEX runs_by_status ON runs (tenant, status, started_at_ms, id) WHERE parent IS NULL;
CREATE INDEX child_runs_by_status ON runs (tenant, status, started_at_ms, id)
    WHERE parent IS NOT NULL;
CREATE INDEX runs_by_end ON runs (tenant, status, ended_at_ms, id, workflow_id, parent)
    WHERE ended_at_ms IS NOT NULL;
CREATE INDEX runs_by_duration
    ON runs (tenant, status, (ended_at_ms - started_at_ms), id, workflow_id, parent)
    WHERE ended_at_ms IS NOT NULL;
