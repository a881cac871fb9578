-- The journal in PostgreSQL, version 39: snapshots of long runs.

CREATE TABLE run_snapshots (
    run    bigint NOT NULL
           REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    visits bigint NOT NULL,
    seq    bigint NOT NULL,
    hash   bytea NOT NULL,
    schema integer NOT NULL,
    body   text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (run, visits)
);
