-- The journal, version 18: what a tenant's runs know.
--
-- knowledge_collections  how many passages each has, and a number that each change makes larger
-- knowledge_sources      the texts of a collection, by name
-- knowledge_passages     the parts of each text that a search finds

CREATE TABLE knowledge_collections (
    tenant   TEXT NOT NULL,
    name     TEXT NOT NULL,
    revision INTEGER NOT NULL,
    passages INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE knowledge_sources (
    tenant        TEXT NOT NULL,
    collection    TEXT NOT NULL,
    name          TEXT NOT NULL,
    passages      INTEGER NOT NULL,
    characters    INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, collection, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE knowledge_passages (
    tenant     TEXT NOT NULL,
    collection TEXT NOT NULL,
    source     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    text       TEXT NOT NULL,
    PRIMARY KEY (tenant, collection, source, number)
) STRICT;
