-- The journal, version 6: lists by index.
--
-- A list of runs is in the order of their start, the newest first, runs that started in the same
-- millisecond by number. Each index below holds the runs of one status in that order, so that a
-- page reads what it shows and nothing else: without a status it is put together from the first
-- runs of each. `runs_children` holds what a filter by workflow asks beside the parent.
-- `runs_inbox` has the runs that wait for a person, and not those that wait for a child run
-- which does. `timers_by_tenant` is for a tenant's first timer among those of all others.

DROP INDEX runs_by_tenant;
DROP INDEX runs_by_status;
DROP INDEX runs_by_workflow;

CREATE INDEX runs_by_status ON runs (tenant, status, started_at_ms);
CREATE INDEX runs_by_workflow ON runs (tenant, workflow_id, status, started_at_ms);
CREATE INDEX runs_children ON runs (parent, status, started_at_ms, id, workflow_id)
    WHERE parent IS NOT NULL;
CREATE INDEX runs_inbox ON runs (tenant, started_at_ms)
    WHERE status = 'paused' AND state = 'paused';
CREATE INDEX timers_by_tenant ON runs (tenant, due_at_ms) WHERE due_at_ms IS NOT NULL;

CREATE INDEX workflows_by_change ON workflows (tenant, updated_at_ms DESC, id);
CREATE INDEX agents_by_change ON agents (tenant, updated_at_ms DESC, id);
