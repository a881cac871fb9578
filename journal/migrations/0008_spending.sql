-- The journal, version 8: what models are asked for, and how much that may be.
--
-- `spending` adds up the answers of models, a row for a day (UTC), tenant, workflow, agent and
-- model; it stays when runs are deleted. Costs are billionths of the currency of the prices.
--
-- `spending_limits` bounds one execution of a step of a run (its first step is execution 1), or
-- the whole run (execution 0), each with all runs below. `held` is what questions that are open
-- may cost at most, `open` how many there are. `budgets` bounds a month of a tenant (workflow_id
-- is empty) or of one of its workflows.
--
-- `open_calls` has a row while a model is asked: `held_*` is the most that it may cost,
-- `sure_*` what it costs in any case. Those that a start finds were cut off by a crash.

CREATE TABLE spending (
    tenant        TEXT NOT NULL,
    day           TEXT NOT NULL,
    workflow_id   TEXT NOT NULL,
    agent_id      TEXT NOT NULL,
    model         TEXT NOT NULL,
    calls         INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nano     INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, workflow_id, agent_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE spending_limits (
    run          INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    execution    INTEGER NOT NULL,
    most_tokens  INTEGER,
    most_nano    INTEGER,
    spent_tokens INTEGER NOT NULL DEFAULT 0,
    spent_nano   INTEGER NOT NULL DEFAULT 0,
    held_tokens  INTEGER NOT NULL DEFAULT 0,
    held_nano    INTEGER NOT NULL DEFAULT 0,
    open         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, execution)
) STRICT, WITHOUT ROWID;

CREATE TABLE budgets (
    tenant      TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    month_nano  INTEGER NOT NULL,
    PRIMARY KEY (tenant, workflow_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE open_calls (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT NOT NULL,
    run         INTEGER NOT NULL,
    execution   INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    agent_id    TEXT NOT NULL,
    model       TEXT NOT NULL,
    day         TEXT NOT NULL,
    held_tokens INTEGER NOT NULL,
    held_nano   INTEGER NOT NULL,
    sure_tokens INTEGER NOT NULL,
    sure_nano   INTEGER NOT NULL
) STRICT;

CREATE INDEX open_calls_by_tenant ON open_calls (tenant, workflow_id);
