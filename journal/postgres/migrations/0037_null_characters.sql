-- The journal in PostgreSQL, version 37: JSON with null characters, which no text can have.
--
-- Bodies keep `\u0000` as it was written. To read any text of such a JSON was an error, which the
-- trigger of `run_failures` made an error of the commit. They are read with the replacement
-- character, as columns are written. The trigger also lets a damaged body be.

CREATE OR REPLACE FUNCTION json_each(list text) RETURNS TABLE (value text)
    LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT json_array_elements_text((
        CASE WHEN strpos($1, '\u0000') = 0 THEN $1
             ELSE regexp_replace($1, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') END
    )::json)
$$;
CREATE OR REPLACE FUNCTION json_extract(document text, path text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (
        CASE WHEN strpos($1, '\u0000') = 0 THEN $1
             ELSE regexp_replace($1, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') END
    )::json #>> string_to_array(ltrim(translate(substr($2, 2), '[]#', '.'), '.'), '.')
$$;

CREATE OR REPLACE FUNCTION note_failure() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_failures
        SELECT NEW.id, NEW.tenant, NEW.started_at_ms, json_extract(e.body, '$.error.type'),
               json_extract(e.body, '$.error.step_id')
        FROM events e
        WHERE e.run = NEW.id AND e.seq = NEW.seq AND e.type = 'RunFailed'
            AND CASE WHEN json_valid(e.body)
                THEN json_extract(e.body, '$.error.type') IS NOT NULL END
        ON CONFLICT (run) DO UPDATE
        SET error_type = excluded.error_type, step_id = excluded.step_id
        WHERE (run_failures.error_type, run_failures.step_id)
            IS DISTINCT FROM (excluded.error_type, excluded.step_id);
    RETURN NULL;
END $$;

INSERT INTO run_failures
    SELECT r.id, r.tenant, r.started_at_ms, json_extract(e.body, '$.error.type'),
           json_extract(e.body, '$.error.step_id')
    FROM runs r JOIN events e ON e.run = r.id AND e.seq = r.seq
    WHERE r.status = 'failed' AND e.type = 'RunFailed' AND strpos(e.body, '\u0000') > 0
        AND CASE WHEN json_valid(e.body) THEN json_extract(e.body, '$.error.type') IS NOT NULL END
    ON CONFLICT (run) DO NOTHING;
