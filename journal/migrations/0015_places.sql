-- The journal, version 15: places.
--
-- A run of a workflow with `concurrency` names in `place_key` the runs that it counts with, from
-- its start to its end; the state `queued` says that it waits in line. Both are a part of the
-- projection of its fold. The index has such runs only as long as they are open, those in line in
-- the order in which they begin, so that neither a look at who is next nor a count of who is under
-- way reads more rows than may be under way.

ALTER TABLE runs ADD COLUMN place_key TEXT;
ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

CREATE INDEX runs_with_places
    ON runs (tenant, workflow_id, place_key, (state = 'queued'), priority DESC, id)
    WHERE place_key IS NOT NULL AND ended_at_ms IS NULL;
