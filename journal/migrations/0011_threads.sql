-- The journal, version 11: conversations of agents.
--
-- A thread belongs to one agent. `run` and `execution` are the step that has written to it last:
-- while that run has not ended and is still in that step, nobody else may write. An exchange is
-- what the agent was asked and what it answered; exchanges are numbered from 1 and never change.

CREATE TABLE threads (
    tenant        TEXT NOT NULL,
    id            TEXT NOT NULL,
    agent_id      TEXT NOT NULL,
    run           INTEGER NOT NULL,
    execution     INTEGER NOT NULL,
    length        INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE exchanges (
    tenant  TEXT NOT NULL,
    thread  TEXT NOT NULL,
    number  INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    message TEXT NOT NULL,
    answer  TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (tenant, thread, number)
) STRICT, WITHOUT ROWID;
