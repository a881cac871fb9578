-- The journal, version 14: triggers, which start runs without a program.
--
-- A trigger is its `document` (JSON) and of a `kind`: `request` and `form` have an address, `run`
-- waits for the ends of runs. Of an address the SHA-256 is kept, by which it is found, and the
-- address itself sealed (AES-256-GCM), to be shown again. A `run` trigger has dealt with all events
-- up to `position`, NULL while it is paused; it moves on only after what it had to start has been
-- started, each under the idempotency key `trigger:id:run`.
--
-- What came of each request or end is a firing (`source` is `trigger:id`, or `refused:id` for a
-- request that was not from whom it should be). `requests` has what the newest of them were: each
-- belongs to its firing and goes with it. `body` is NULL where it was too long to keep.

CREATE TABLE triggers (
    tenant        TEXT NOT NULL,
    id            TEXT NOT NULL,
    kind          TEXT NOT NULL,
    document      TEXT NOT NULL,
    address       BLOB,
    sealed        BLOB,
    position      INTEGER,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX triggers_by_address ON triggers (address) WHERE address IS NOT NULL;
CREATE INDEX triggers_of_runs ON triggers (tenant, position) WHERE position IS NOT NULL;

CREATE TABLE requests (
    firing  INTEGER PRIMARY KEY REFERENCES firings (position) ON DELETE CASCADE,
    method  TEXT NOT NULL,
    query   TEXT NOT NULL,
    headers TEXT NOT NULL,
    size    INTEGER NOT NULL,
    body    BLOB
) STRICT;
