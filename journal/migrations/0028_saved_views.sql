-- The journal, version 28: lists of runs that people have given a name.
--
-- saved_views    what a person asks for by a name: filters, order and columns, as JSON text

CREATE TABLE saved_views (
    tenant        TEXT NOT NULL,
    person        TEXT NOT NULL,
    name          TEXT NOT NULL,
    asked         TEXT NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, name)
) STRICT, WITHOUT ROWID;
