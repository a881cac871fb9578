-- The journal, version 7: schedules, and the history of what has started runs.
--
-- A schedule is its `document` (JSON). `next_at_ms` is its first moment that has not been dealt
-- with, `due_at_ms` the same with jitter added, both NULL while it is paused. It moves on only
-- after what it had to start has been started, each under the idempotency key
-- `schedule:id:moment`: a kill between the two starts nothing twice. `last_run` is the run that
-- it started last, which may have been deleted since, so it is no foreign key.
--
-- A firing is what came of one reason to start something: of one moment of a schedule
-- (`source` is `schedule:id`, `key` the moment). The newest of each source are kept.

CREATE TABLE schedules (
    tenant        TEXT NOT NULL,
    id            TEXT NOT NULL,
    document      TEXT NOT NULL,
    next_at_ms    INTEGER,
    due_at_ms     INTEGER,
    last_run      INTEGER,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_due ON schedules (due_at_ms, tenant, id) WHERE due_at_ms IS NOT NULL;

CREATE TABLE firings (
    position INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    source   TEXT NOT NULL,
    key      TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    run      INTEGER,
    message  TEXT,
    UNIQUE (tenant, source, key)
) STRICT;

CREATE INDEX firings_by_source ON firings (tenant, source, position);
CREATE INDEX firings_queued ON firings (tenant, source, position) WHERE outcome = 'queued';
