-- The journal, version 12.
--
-- `people` are those who sign in by themselves: by a name and a password, of which a salted
-- scrypt hash is kept, or as a provider of identities knows them (`subject`: its issuer and its
-- name for them). `groups` is a JSON array. `invitation` is the SHA-256 of what an open
-- invitation holds, so that the newest one counts, once.
--
-- `sessions` has a row for each browser that is signed in, named by a hash; a cookie counts
-- while its row is there. Sessions of older servers have no row, so that whoever was signed in
-- signs in once more; which of them were signed out need not be known any more.
--
-- `audit` says who changed what: append-only, each row with a hash over itself and the one
-- before, the newest of which `meta` names under `audit_head`, beside how many there are.

CREATE TABLE people (
    id              TEXT PRIMARY KEY,
    tenant          TEXT NOT NULL,
    name            TEXT NOT NULL COLLATE NOCASE,
    role            TEXT NOT NULL,
    groups          TEXT NOT NULL,
    password        TEXT,
    subject         TEXT,
    invitation      TEXT,
    created_at_ms   INTEGER NOT NULL,
    signed_in_at_ms INTEGER,
    disabled_at_ms  INTEGER
) STRICT;

CREATE UNIQUE INDEX people_by_name ON people (tenant, name);
CREATE UNIQUE INDEX people_by_subject ON people (tenant, subject) WHERE subject IS NOT NULL;

CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    who         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    credential  TEXT NOT NULL,
    address     TEXT NOT NULL,
    browser     TEXT NOT NULL,
    began_at_ms INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_end ON sessions (until_ms);

CREATE TABLE audit (
    position INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    who      TEXT NOT NULL,
    action   TEXT NOT NULL,
    target   TEXT NOT NULL,
    result   TEXT,
    hash     BLOB NOT NULL
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant, position);

DELETE FROM meta WHERE key LIKE 'ended_session:%';
