-- The journal, version 39: snapshots of long runs.
--
-- Each has the state of a run after an event, without the visits that had ended by then, so that the
-- newest part of a long history is shown without folding all of it. It counts only if the events
-- after it are chained to `hash` and reach the end that the run's row names.

CREATE TABLE run_snapshots (
    run    INTEGER NOT NULL
           REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    visits INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    schema INTEGER NOT NULL,
    body   TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (run, visits)
) STRICT;
