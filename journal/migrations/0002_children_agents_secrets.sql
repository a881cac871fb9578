-- The journal, version 2: child runs, agents, secrets, models.
--
-- A child run names its parent's number, which execution of a step of the parent it belongs
-- to (the parent's first step is execution 1), the attempt of that step, and its item among
-- the children of that execution. The unique key makes a second child for one item and
-- attempt impossible. `executions` and `attempt` are the run's own position, so that a child
-- that its parent has left can be told from one that it waits for. A run that waits for
-- child runs has the state `awaiting`, also while it is shown as paused for one of them.
--
-- `agents` and `agent_versions` are to agents what `workflows` and `versions` are to
-- workflows. `secrets` holds sealed values only (AES-256-GCM); the key is not in here.
-- `models` holds the models that a tenant names, as JSON, keys by the name of their secret.

ALTER TABLE runs ADD COLUMN executions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN parent INTEGER;
ALTER TABLE runs ADD COLUMN parent_execution INTEGER;
ALTER TABLE runs ADD COLUMN parent_attempt INTEGER;
ALTER TABLE runs ADD COLUMN item INTEGER;

CREATE UNIQUE INDEX runs_by_parent ON runs (parent, parent_execution, item, parent_attempt)
    WHERE parent IS NOT NULL;
CREATE INDEX runs_children_by_status ON runs (parent, parent_execution, status, item)
    WHERE parent IS NOT NULL;
CREATE INDEX runs_open_children ON runs (parent)
    WHERE parent IS NOT NULL AND ended_at_ms IS NULL;
CREATE INDEX runs_awaiting ON runs (id) WHERE state = 'awaiting';

CREATE TABLE agents (
    tenant            TEXT NOT NULL,
    id                TEXT NOT NULL,
    archived          INTEGER NOT NULL DEFAULT 0,
    published_version TEXT,
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_versions (
    tenant          TEXT NOT NULL,
    agent_id        TEXT NOT NULL,
    ordinal         INTEGER NOT NULL,
    version         TEXT NOT NULL,
    status          TEXT NOT NULL,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    definition      TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    published_at_ms INTEGER,
    PRIMARY KEY (tenant, agent_id, ordinal),
    UNIQUE (tenant, agent_id, version),
    FOREIGN KEY (tenant, agent_id) REFERENCES agents (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE secrets (
    tenant        TEXT NOT NULL,
    name          TEXT NOT NULL,
    sealed        BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    tenant        TEXT NOT NULL,
    name          TEXT NOT NULL,
    document      TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
