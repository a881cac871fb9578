-- The journal, version 19: who is asked, and by when.
--
-- A pause that names somebody, that is wanted by a moment, or of which something has changed since it
-- began has a row here for as long as it is open, written in the transaction of the event: `seq` is
-- the number of the event with which the pause began, `due_at_ms` until when an answer is wanted,
-- `is_open` 1 where everybody may answer. `open_pause_people` has those who are named, in one case of
-- letters, and whoever has claimed it. A pause without a row names nobody and has no deadline.

CREATE TABLE open_pauses (
    run       INTEGER PRIMARY KEY
              REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant    TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    due_at_ms INTEGER,
    is_open   INTEGER NOT NULL
) STRICT;

CREATE TABLE open_pause_people (
    tenant TEXT NOT NULL,
    who    TEXT NOT NULL,
    run    INTEGER NOT NULL REFERENCES open_pauses (run) ON DELETE CASCADE,
    PRIMARY KEY (tenant, who, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX open_pauses_due ON open_pauses (tenant, due_at_ms, run) WHERE due_at_ms IS NOT NULL;
CREATE INDEX open_pause_people_of_run ON open_pause_people (run, who);

INSERT INTO open_pauses
    SELECT id, tenant, seq, due_at_ms, 1 FROM runs
    WHERE status = 'paused' AND state = 'paused' AND signal_name IS NULL AND due_at_ms IS NOT NULL;
