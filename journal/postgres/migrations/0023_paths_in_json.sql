-- The journal in PostgreSQL, version 23: paths through lists, `$[0].name` and `$[#-1].name`.

CREATE OR REPLACE FUNCTION json_extract(document text, path text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS
    $$SELECT $1::json #>> string_to_array(ltrim(translate(substr($2, 2), '[]#', '.'), '.'), '.')$$;
CREATE FUNCTION json_array_length(document text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT pg_catalog.json_array_length($1::json)';
