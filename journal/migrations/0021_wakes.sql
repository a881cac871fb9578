-- The journal, version 21: wakes.
--
-- A run that a process has appended to, and that another process carries on: written beside the
-- append, forgotten when its owner goes on. With the journal in one folder nobody writes here.

CREATE TABLE wakes (
    position  INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    shard     INTEGER NOT NULL
) STRICT;

CREATE INDEX wakes_by_run ON wakes (run, seq);
