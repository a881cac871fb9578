-- The journal, version 3: keeping it for years.
--
-- `head` is the hash of the run's newest event, so that a history whose end was cut off is
-- found also when `seq` was changed with it. `meta` counts the events and runs that were
-- deleted: `position` numbers every event ever written without a gap, so that the largest
-- position less the events at hand must be `deleted_events`. `runs_ended` is the order in
-- which retention takes runs; child runs go with their parent and are not in it.

ALTER TABLE runs ADD COLUMN head BLOB;

UPDATE runs SET head = (SELECT hash FROM events WHERE run = runs.id AND seq = runs.seq);

-- Version 2 left these two as 0 for runs that were there before it.
UPDATE runs SET
    executions = (SELECT count(*) FROM events WHERE run = runs.id AND type = 'StepStarted'
                  AND json_extract(body, '$.attempt') = 1),
    attempt = iif(
        state IN ('executing', 'backing_off', 'sleeping', 'awaiting', 'paused'),
        coalesce((SELECT json_extract(body, '$.attempt') FROM events
                  WHERE run = runs.id AND type = 'StepStarted' ORDER BY seq DESC LIMIT 1), 0),
        0)
    WHERE executions = 0;

CREATE INDEX runs_ended ON runs (tenant, status, ended_at_ms)
    WHERE parent IS NULL AND ended_at_ms IS NOT NULL;

INSERT INTO meta (key, value) VALUES
    ('deleted_runs', '0'),
    ('deleted_events', CAST(
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)
        - (SELECT count(*) FROM events) AS TEXT));
