-- The journal in PostgreSQL, version 34: why runs failed, and which wait for a moment.
--
-- A process of an older version writes no row of `run_failures`: the trigger does, at the commit.
-- Bodies with null characters follow with migration 37, which can read them.

CREATE TABLE run_failures (
    run           bigint PRIMARY KEY
                  REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant        text COLLATE "C" NOT NULL,
    started_at_ms bigint NOT NULL,
    error_type    text COLLATE "C" NOT NULL,
    step_id       text COLLATE "C"
);

CREATE FUNCTION note_failure() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_failures
        SELECT NEW.id, NEW.tenant, NEW.started_at_ms, json_extract(e.body, '$.error.type'),
               json_extract(e.body, '$.error.step_id')
        FROM events e
        WHERE e.run = NEW.id AND e.seq = NEW.seq AND e.type = 'RunFailed'
        ON CONFLICT (run) DO UPDATE
        SET error_type = excluded.error_type, step_id = excluded.step_id
        WHERE (run_failures.error_type, run_failures.step_id)
            IS DISTINCT FROM (excluded.error_type, excluded.step_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER failures_are_noted AFTER INSERT OR UPDATE ON runs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'failed')
    EXECUTE FUNCTION note_failure();

INSERT INTO run_failures
    SELECT r.id, r.tenant, r.started_at_ms, json_extract(e.body, '$.error.type'),
           json_extract(e.body, '$.error.step_id')
    FROM runs r JOIN events e ON e.run = r.id AND e.seq = r.seq
    WHERE r.status = 'failed' AND e.type = 'RunFailed'
        AND CASE WHEN strpos(e.body, '\u0000') = 0 AND json_valid(e.body)
            THEN json_extract(e.body, '$.error.type') IS NOT NULL END;

CREATE INDEX run_failures_by_type ON run_failures (tenant, error_type, started_at_ms, run);
CREATE INDEX run_failures_by_step ON run_failures (tenant, step_id, started_at_ms, run)
    WHERE step_id IS NOT NULL;

CREATE INDEX runs_by_wait ON runs (tenant, state, started_at_ms, id)
    WHERE state IN ('backing_off', 'sleeping');
