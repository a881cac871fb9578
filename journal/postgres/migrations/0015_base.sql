-- The journal in PostgreSQL, up to version 15: what the migrations of SQLite up to that number
-- make, in one piece. Later ones are theirs, in PostgreSQL's words (`journal/postgres/dialect.py`),
-- or a file of the same number here where those are not enough.
--
-- Texts are compared and sorted by their bytes, as in SQLite. Positions of events are counted in
-- `sequences`, in the transaction of the events: a sequence of PostgreSQL's has gaps after what
-- was undone, and `verify` tells what was lost by the gaps. `run_captions.words` is the full text;
-- a tenant is one word of it, so that a search never reads another's. The functions say what
-- SQLite's functions of the same names say.

CREATE FUNCTION iif(condition boolean, this anyelement, that anyelement) RETURNS anyelement
    LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE FUNCTION hex(bytes bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS $$SELECT encode($1, 'hex')$$;
CREATE FUNCTION json_each(list text) RETURNS TABLE (value text)
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT json_array_elements_text($1::json)';
CREATE FUNCTION json_extract(document text, path text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS
    $$SELECT $1::json #>> string_to_array(substr($2, 3), '.')$$;
CREATE FUNCTION json_valid(document text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM document::json;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END $$;

-- Whether a definition has a step whose key is a value; a branch names a workflow by `workflow`.
CREATE FUNCTION has_step(definition text, wanted text, step_key text, asked text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS $$
    WITH RECURSIVE node (value, key, holder, above, within) AS (
        SELECT definition::json, NULL::text, NULL::text, NULL::text, false
        UNION ALL
        SELECT one.value, one.key, one.holder, one.above, one.within FROM node,
        LATERAL (
            SELECT each.value, each.key, node.key AS holder, node.holder AS above,
                   node.within OR node.holder = 'branches' AND node.key <> '[]' AS within
            FROM json_each(CASE WHEN json_typeof(node.value) = 'object' THEN node.value END) each
            UNION ALL
            SELECT item.value, '[]', node.key, node.holder, node.within
            FROM json_array_elements(
                CASE WHEN json_typeof(node.value) = 'array' THEN node.value END) item
        ) AS one
    )
    SELECT EXISTS (
        SELECT 1 FROM node WHERE json_typeof(value) = 'string' AND value #>> '{}' = wanted
        AND (key = step_key AND holder = '[]' AND above = 'steps'
             OR key = 'workflow' AND asked = 'workflowId' AND within)
    )
$$;

CREATE TABLE sequences (
    name text COLLATE "C" PRIMARY KEY,
    seq  bigint NOT NULL
);

INSERT INTO sequences VALUES ('events', 0);

CREATE TABLE meta (
    key             text COLLATE "C",
    value           text COLLATE "C" NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE runs (
    id              bigint,
    tenant          text COLLATE "C" NOT NULL,
    workflow_id     text COLLATE "C" NOT NULL,
    version         text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL,
    step_id         text COLLATE "C",
    seq             bigint NOT NULL,
    started_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    ended_at_ms     bigint,
    due_at_ms       bigint,
    executions      bigint NOT NULL DEFAULT 0,
    attempt         bigint NOT NULL DEFAULT 0,
    parent          bigint,
    parent_execution bigint,
    parent_attempt  bigint,
    item            bigint,
    head            bytea,
    signal_name     text COLLATE "C",
    signal_key      text COLLATE "C",
    place_key       text COLLATE "C",
    priority        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
);

CREATE TABLE events (
    position        bigint,
    run             bigint NOT NULL,
    seq             bigint NOT NULL,
    type            text COLLATE "C" NOT NULL,
    schema          bigint NOT NULL,
    at_ms           bigint NOT NULL,
    body            text COLLATE "C" NOT NULL,
    hash            bytea NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (run, seq),
    FOREIGN KEY (run) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE workflows (
    tenant          text COLLATE "C",
    id              text COLLATE "C",
    archived        boolean NOT NULL DEFAULT false,
    published_version text COLLATE "C",
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE versions (
    tenant          text COLLATE "C",
    workflow_id     text COLLATE "C",
    ordinal         bigint,
    version         text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    description     text COLLATE "C" NOT NULL,
    definition      text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    published_at_ms bigint,
    PRIMARY KEY (tenant, workflow_id, ordinal),
    UNIQUE (tenant, workflow_id, version),
    FOREIGN KEY (tenant, workflow_id) REFERENCES workflows (tenant, id) ON DELETE CASCADE
);

CREATE TABLE api_keys (
    id              text COLLATE "C",
    prefix          text COLLATE "C" NOT NULL,
    hash            bytea NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    expires_at_ms   bigint,
    last_used_at_ms bigint,
    disabled_at_ms  bigint,
    PRIMARY KEY (id),
    UNIQUE (prefix)
);

CREATE TABLE jwt_secrets (
    kid             text COLLATE "C",
    tenant          text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    algorithm       text COLLATE "C" NOT NULL,
    secret          text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    disabled_at_ms  bigint,
    PRIMARY KEY (kid)
);

CREATE TABLE files (
    id              text COLLATE "C",
    tenant          text COLLATE "C" NOT NULL,
    sha256          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    media_type      text COLLATE "C" NOT NULL,
    size            bigint NOT NULL,
    created_at_ms   bigint NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE agents (
    tenant          text COLLATE "C",
    id              text COLLATE "C",
    archived        boolean NOT NULL DEFAULT false,
    published_version text COLLATE "C",
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE agent_versions (
    tenant          text COLLATE "C",
    agent_id        text COLLATE "C",
    ordinal         bigint,
    version         text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    description     text COLLATE "C" NOT NULL,
    definition      text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    published_at_ms bigint,
    PRIMARY KEY (tenant, agent_id, ordinal),
    UNIQUE (tenant, agent_id, version),
    FOREIGN KEY (tenant, agent_id) REFERENCES agents (tenant, id) ON DELETE CASCADE
);

CREATE TABLE secrets (
    tenant          text COLLATE "C",
    name            text COLLATE "C",
    sealed          bytea NOT NULL,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE models (
    tenant          text COLLATE "C",
    name            text COLLATE "C",
    document        text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE webhooks (
    id              text COLLATE "C",
    tenant          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    url             text COLLATE "C" NOT NULL,
    events          text COLLATE "C" NOT NULL,
    workflows       text COLLATE "C",
    sealed          bytea NOT NULL,
    position        bigint NOT NULL,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    disabled_at_ms  bigint,
    PRIMARY KEY (id)
);

CREATE TABLE deliveries (
    webhook         text COLLATE "C",
    position        bigint,
    run             bigint NOT NULL,
    type            text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL,
    attempts        bigint NOT NULL DEFAULT 0,
    next_at_ms      bigint,
    first_at_ms     bigint,
    last_at_ms      bigint,
    answer          bigint,
    error           text COLLATE "C",
    PRIMARY KEY (webhook, position),
    FOREIGN KEY (webhook) REFERENCES webhooks (id) ON DELETE CASCADE
);

CREATE TABLE start_keys (
    tenant          text COLLATE "C",
    key             text COLLATE "C",
    run             bigint NOT NULL,
    fingerprint     text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    is_deleted      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, key)
);

CREATE TABLE schedules (
    tenant          text COLLATE "C",
    id              text COLLATE "C",
    document        text COLLATE "C" NOT NULL,
    next_at_ms      bigint,
    due_at_ms       bigint,
    last_run        bigint,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE firings (
    position        bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,
    outcome         text COLLATE "C" NOT NULL,
    run             bigint,
    message         text COLLATE "C",
    PRIMARY KEY (position),
    UNIQUE (tenant, source, key)
);

CREATE TABLE spending (
    tenant          text COLLATE "C",
    day             text COLLATE "C",
    workflow_id     text COLLATE "C",
    agent_id        text COLLATE "C",
    model           text COLLATE "C",
    calls           bigint NOT NULL,
    estimated       bigint NOT NULL,
    input_tokens    bigint NOT NULL,
    cached_tokens   bigint NOT NULL,
    output_tokens   bigint NOT NULL,
    cost_nano       bigint NOT NULL,
    PRIMARY KEY (tenant, day, workflow_id, agent_id, model)
);

CREATE TABLE spending_limits (
    run             bigint,
    execution       bigint,
    most_tokens     bigint,
    most_nano       bigint,
    spent_tokens    bigint NOT NULL DEFAULT 0,
    spent_nano      bigint NOT NULL DEFAULT 0,
    held_tokens     bigint NOT NULL DEFAULT 0,
    held_nano       bigint NOT NULL DEFAULT 0,
    open            bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run, execution),
    FOREIGN KEY (run) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE budgets (
    tenant          text COLLATE "C",
    workflow_id     text COLLATE "C",
    month_nano      bigint NOT NULL,
    PRIMARY KEY (tenant, workflow_id)
);

CREATE TABLE open_calls (
    id              bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant          text COLLATE "C" NOT NULL,
    run             bigint NOT NULL,
    execution       bigint NOT NULL,
    workflow_id     text COLLATE "C" NOT NULL,
    agent_id        text COLLATE "C" NOT NULL,
    model           text COLLATE "C" NOT NULL,
    day             text COLLATE "C" NOT NULL,
    held_tokens     bigint NOT NULL,
    held_nano       bigint NOT NULL,
    sure_tokens     bigint NOT NULL,
    sure_nano       bigint NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE variables (
    tenant          text COLLATE "C",
    name            text COLLATE "C",
    value           text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE stored_values (
    tenant          text COLLATE "C",
    key             text COLLATE "C",
    value           text COLLATE "C" NOT NULL,
    expires_at_ms   bigint,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE TABLE store_calls (
    call            text COLLATE "C",
    result          text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,
    PRIMARY KEY (call)
);

CREATE TABLE signals (
    position        bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    sender_id       text COLLATE "C",
    data            text COLLATE "C",
    for_run         bigint,
    sent_at_ms      bigint NOT NULL,
    expires_at_ms   bigint NOT NULL,
    forget_at_ms    bigint NOT NULL,
    taken_at_ms     bigint,
    taken_by        bigint,
    PRIMARY KEY (position)
);

CREATE TABLE threads (
    tenant          text COLLATE "C",
    id              text COLLATE "C",
    agent_id        text COLLATE "C" NOT NULL,
    run             bigint NOT NULL,
    execution       bigint NOT NULL,
    length          bigint NOT NULL DEFAULT 0,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE exchanges (
    tenant          text COLLATE "C",
    thread          text COLLATE "C",
    number          bigint,
    run             bigint NOT NULL,
    message         text COLLATE "C" NOT NULL,
    answer          text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,
    PRIMARY KEY (tenant, thread, number)
);

CREATE TABLE people (
    id              text COLLATE "C",
    tenant          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    groups          text COLLATE "C" NOT NULL,
    password        text COLLATE "C",
    subject         text COLLATE "C",
    invitation      text COLLATE "C",
    created_at_ms   bigint NOT NULL,
    signed_in_at_ms bigint,
    disabled_at_ms  bigint,
    PRIMARY KEY (id)
);

CREATE TABLE sessions (
    id              text COLLATE "C",
    tenant          text COLLATE "C" NOT NULL,
    who             text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    credential      text COLLATE "C" NOT NULL,
    address         text COLLATE "C" NOT NULL,
    browser         text COLLATE "C" NOT NULL,
    began_at_ms     bigint NOT NULL,
    until_ms        bigint NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE audit (
    position        bigint,
    tenant          text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,
    who             text COLLATE "C" NOT NULL,
    action          text COLLATE "C" NOT NULL,
    target          text COLLATE "C" NOT NULL,
    result          text COLLATE "C",
    hash            bytea NOT NULL,
    PRIMARY KEY (position)
);

CREATE TABLE run_captions (
    run             bigint,
    tenant          text COLLATE "C" NOT NULL,
    started_at_ms   bigint NOT NULL,
    title           text COLLATE "C" NOT NULL,
    labels          text COLLATE "C" NOT NULL,
    words           tsvector NOT NULL,
    PRIMARY KEY (run),
    FOREIGN KEY (run) REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE run_labels (
    tenant          text COLLATE "C",
    name            text COLLATE "C",
    value           text COLLATE "C",
    started_at_ms   bigint,
    run             bigint,
    PRIMARY KEY (tenant, name, value, started_at_ms, run)
);

CREATE TABLE triggers (
    tenant          text COLLATE "C",
    id              text COLLATE "C",
    kind            text COLLATE "C" NOT NULL,
    document        text COLLATE "C" NOT NULL,
    address         bytea,
    sealed          bytea,
    position        bigint,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE requests (
    firing          bigint,
    method          text COLLATE "C" NOT NULL,
    query           text COLLATE "C" NOT NULL,
    headers         text COLLATE "C" NOT NULL,
    size            bigint NOT NULL,
    body            bytea,
    PRIMARY KEY (firing),
    FOREIGN KEY (firing) REFERENCES firings (position) ON DELETE CASCADE
);

CREATE INDEX runs_due ON runs (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE state IN ('new', 'ready', 'executing');
CREATE UNIQUE INDEX runs_by_parent ON runs (parent, parent_execution, item, parent_attempt) WHERE parent IS NOT NULL;
CREATE INDEX runs_children_by_status ON runs (parent, parent_execution, status, item) WHERE parent IS NOT NULL;
CREATE INDEX runs_open_children ON runs (parent) WHERE parent IS NOT NULL AND ended_at_ms IS NULL;
CREATE INDEX runs_awaiting ON runs (id) WHERE state = 'awaiting';
CREATE INDEX runs_ended ON runs (tenant, status, ended_at_ms) WHERE parent IS NULL AND ended_at_ms IS NOT NULL;
CREATE INDEX webhooks_by_tenant ON webhooks (tenant, created_at_ms);
CREATE INDEX deliveries_by_state ON deliveries (webhook, state, position);
CREATE INDEX deliveries_due ON deliveries (webhook, next_at_ms) WHERE next_at_ms IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (webhook, run, position) WHERE state = 'pending';
CREATE INDEX start_keys_by_run ON start_keys (run);
CREATE INDEX start_keys_of_deleted_runs ON start_keys (created_at_ms) WHERE is_deleted;
CREATE INDEX runs_children ON runs (parent, status, started_at_ms, id, workflow_id) WHERE parent IS NOT NULL;
CREATE INDEX runs_inbox ON runs (tenant, started_at_ms) WHERE status = 'paused' AND state = 'paused';
CREATE INDEX timers_by_tenant ON runs (tenant, due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX workflows_by_change ON workflows (tenant, updated_at_ms DESC, id);
CREATE INDEX agents_by_change ON agents (tenant, updated_at_ms DESC, id);
CREATE INDEX schedules_due ON schedules (due_at_ms, tenant, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX firings_by_source ON firings (tenant, source, position);
CREATE INDEX firings_queued ON firings (tenant, source, position) WHERE outcome = 'queued';
CREATE INDEX open_calls_by_tenant ON open_calls (tenant, workflow_id);
CREATE INDEX stored_values_by_expiry ON stored_values (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
CREATE INDEX store_calls_by_age ON store_calls (at_ms);
CREATE INDEX runs_waiting ON runs (tenant, signal_name, signal_key, updated_at_ms) WHERE signal_name IS NOT NULL;
CREATE INDEX signals_kept ON signals (tenant, name, key, position) WHERE taken_at_ms IS NULL;
CREATE UNIQUE INDEX signals_by_sender ON signals (tenant, sender_id) WHERE sender_id IS NOT NULL;
CREATE INDEX signals_expiring ON signals (expires_at_ms) WHERE taken_at_ms IS NULL;
CREATE INDEX signals_to_forget ON signals (forget_at_ms);
CREATE UNIQUE INDEX people_by_name ON people (tenant, lower(name));
CREATE UNIQUE INDEX people_by_subject ON people (tenant, subject) WHERE subject IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (until_ms);
CREATE INDEX audit_by_tenant ON audit (tenant, position);
CREATE INDEX runs_by_status ON runs (tenant, status, started_at_ms, id, parent);
CREATE INDEX runs_by_workflow ON runs (tenant, workflow_id, status, started_at_ms, id, parent);
CREATE UNIQUE INDEX triggers_by_address ON triggers (address) WHERE address IS NOT NULL;
CREATE INDEX triggers_of_runs ON triggers (tenant, position) WHERE position IS NOT NULL;
CREATE INDEX runs_with_places ON runs (tenant, workflow_id, place_key, (state = 'queued'), priority DESC, id) WHERE place_key IS NOT NULL AND ended_at_ms IS NULL;

CREATE INDEX run_words ON run_captions USING gin (words);

CREATE FUNCTION labels_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM run_labels l USING json_each_text(old.labels::json) was
        WHERE l.tenant = old.tenant AND l.name = was.key AND l.value = was.value
              AND l.started_at_ms = old.started_at_ms AND l.run = old.run;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO run_labels
            SELECT new.tenant, key, value, new.started_at_ms, new.run
            FROM json_each_text(new.labels::json);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER run_captions_labels AFTER INSERT OR UPDATE OR DELETE ON run_captions
    FOR EACH ROW EXECUTE FUNCTION labels_of_run();

INSERT INTO meta (key, value) VALUES ('deleted_runs', '0'), ('deleted_events', '0');
