-- The journal, version 3: keeping it for years.
--
-- `head` is the hash of the run's newest event, so that a history whose end was cut off is
-- found also when `seq` was changed with it. `meta` counts the events and runs that were
-- deleted: `position` numbers every event ever written without a gap, so that the largest
-- position less the events at hand must be `deleted_events`. `runs_ended` is the order in
-- which retention takes runs; child runs go with their parent and are not in it.

ALTER TABLE runs ADD COLUMN head BLOB;

UPDATE runs SET head = (SELECT hash FROM events WHERE run = runs.id AND seq = runs.seq);

CREATE INDEX runs_ended ON runs (tenant, status, ended_at_ms)
    WHERE parent IS NULL AND ended_at_ms IS NOT NULL;

INSERT INTO meta (key, value) VALUES
    ('deleted_runs', '0'),
    ('deleted_events', CAST(
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)
        - (SELECT count(*) FROM events) AS TEXT));
