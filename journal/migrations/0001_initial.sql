-- The journal, version 1.
--
-- A run's history is in `events`, append-only: one row an event, numbered without a gap
-- within its run, each with a hash over itself and the one before. The unique key on
-- (run, seq) makes a second writer impossible; `position` numbers all events of the server
-- in the order in which they became durable.
--
-- `runs` is what lists need of a run: the fold of its events, written in the transaction
-- that appends them. A run's number is the one in its id, `dynamic-workflow-<number>`.
-- `due_at_ms` is its one timer.
--
-- `workflows` has a row a workflow, `versions` one a version; a version never changes but
-- for its status. `api_keys` holds hashes only. `jwt_secrets` must hold what checks a
-- signature. `files` says whose a file is; its bytes are in the storage, by hash.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL,
    workflow_id   TEXT NOT NULL,
    version       TEXT NOT NULL,
    status        TEXT NOT NULL,
    state         TEXT NOT NULL,
    step_id       TEXT,
    seq           INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    due_at_ms     INTEGER
) STRICT;

CREATE INDEX runs_by_tenant ON runs (tenant, id);
CREATE INDEX runs_by_status ON runs (tenant, status, id);
CREATE INDEX runs_by_workflow ON runs (tenant, workflow_id, id);
CREATE INDEX runs_due ON runs (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE state IN ('new', 'ready', 'executing');

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq      INTEGER NOT NULL,
    type     TEXT NOT NULL,
    schema   INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    body     TEXT NOT NULL,
    hash     BLOB NOT NULL,
    UNIQUE (run, seq)
) STRICT;

CREATE TABLE idempotency (
    tenant        TEXT NOT NULL,
    key           TEXT NOT NULL,
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    fingerprint   TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_run ON idempotency (run);

CREATE TABLE workflows (
    tenant            TEXT NOT NULL,
    id                TEXT NOT NULL,
    archived          INTEGER NOT NULL DEFAULT 0,
    published_version TEXT,
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
    tenant          TEXT NOT NULL,
    workflow_id     TEXT NOT NULL,
    ordinal         INTEGER NOT NULL,
    version         TEXT NOT NULL,
    status          TEXT NOT NULL,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    definition      TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    published_at_ms INTEGER,
    PRIMARY KEY (tenant, workflow_id, ordinal),
    UNIQUE (tenant, workflow_id, version),
    FOREIGN KEY (tenant, workflow_id) REFERENCES workflows (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE api_keys (
    id              TEXT PRIMARY KEY,
    prefix          TEXT NOT NULL UNIQUE,
    hash            BLOB NOT NULL,
    tenant          TEXT NOT NULL,
    role            TEXT NOT NULL,
    name            TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    expires_at_ms   INTEGER,
    last_used_at_ms INTEGER,
    disabled_at_ms  INTEGER
) STRICT;

CREATE TABLE jwt_secrets (
    kid            TEXT PRIMARY KEY,
    tenant         TEXT NOT NULL,
    role           TEXT NOT NULL,
    name           TEXT NOT NULL,
    algorithm      TEXT NOT NULL,
    secret         TEXT NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    disabled_at_ms INTEGER
) STRICT;

CREATE TABLE files (
    id            TEXT PRIMARY KEY,
    tenant        TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    name          TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    size          INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
