-- The journal, version 10: signals.
--
-- A signal is kept from the commit that its sender is told of. One that has not been taken has
-- `taken_at_ms` NULL, and is given to the run that has waited longest for its name and key: the
-- run's own columns `signal_name` and `signal_key` say what it waits for, a part of the
-- projection of its fold like all others. The signal is marked as taken in the transaction of the
-- event by which the run goes on, so it is neither lost nor taken twice. `for_run` is set where it
-- is meant for one run. `sender_id` counts once for a tenant, for as long as the row is kept,
-- which is until `forget_at_ms`; one that nobody takes is given to nobody after `expires_at_ms`.

ALTER TABLE runs ADD COLUMN signal_name TEXT;
ALTER TABLE runs ADD COLUMN signal_key TEXT;

CREATE INDEX runs_waiting ON runs (tenant, signal_name, signal_key, updated_at_ms)
    WHERE signal_name IS NOT NULL;

CREATE TABLE signals (
    position      INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant        TEXT NOT NULL,
    name          TEXT NOT NULL,
    key           TEXT NOT NULL,
    sender_id     TEXT,
    data          TEXT,
    for_run       INTEGER,
    sent_at_ms    INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    forget_at_ms  INTEGER NOT NULL,
    taken_at_ms   INTEGER,
    taken_by      INTEGER
) STRICT;

CREATE INDEX signals_kept ON signals (tenant, name, key, position) WHERE taken_at_ms IS NULL;
CREATE UNIQUE INDEX signals_by_sender ON signals (tenant, sender_id) WHERE sender_id IS NOT NULL;
CREATE INDEX signals_expiring ON signals (expires_at_ms) WHERE taken_at_ms IS NULL;
CREATE INDEX signals_to_forget ON signals (forget_at_ms);
