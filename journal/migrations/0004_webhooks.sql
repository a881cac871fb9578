-- The journal, version 4: webhooks.
--
-- A webhook has seen the events of its tenant up to `position`; those that it wants have a row
-- in `deliveries`, written in the transaction that moves `position`. So no event is lost or
-- taken twice, and where nobody has a webhook nothing is written. `sealed` is the signing
-- secret (AES-256-GCM).
--
-- A delivery is `pending`, `delivered` or `given_up`. Of the pending deliveries of one run only
-- the first has `next_at_ms`, the moment at which it is due: the others wait for it, which
-- keeps the order. `first_at_ms` is the first attempt's moment. `run` and `position` name rows
-- of `runs` and `events` that may have been deleted since, so they are no foreign keys.

CREATE TABLE webhooks (
    id             TEXT PRIMARY KEY,
    tenant         TEXT NOT NULL,
    name           TEXT NOT NULL,
    url            TEXT NOT NULL,
    events         TEXT NOT NULL,
    workflows      TEXT,
    sealed         BLOB NOT NULL,
    position       INTEGER NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    disabled_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_by_tenant ON webhooks (tenant, created_at_ms);

CREATE TABLE deliveries (
    webhook      TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    run          INTEGER NOT NULL,
    type         TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_at_ms   INTEGER,
    first_at_ms  INTEGER,
    last_at_ms   INTEGER,
    answer       INTEGER,
    error        TEXT,
    PRIMARY KEY (webhook, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_state ON deliveries (webhook, state, position);
CREATE INDEX deliveries_due ON deliveries (webhook, next_at_ms) WHERE next_at_ms IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (webhook, run, position) WHERE state = 'pending';
