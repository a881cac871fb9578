-- The journal, version 24: pools.
--
-- A run may count with those of other workflows that name the same pool: `place_pool` is its name
-- with a `#` before it, which no id of a workflow has, and NULL where the run counts within its own.

ALTER TABLE runs ADD COLUMN place_pool TEXT;

DROP INDEX runs_with_places;

CREATE INDEX runs_with_places
    ON runs (tenant, (coalesce(place_pool, workflow_id)), place_key, (state = 'queued'),
             priority DESC, id)
    WHERE place_key IS NOT NULL AND ended_at_ms IS NULL;
