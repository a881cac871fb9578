-- The words of the data that runs began with: a text search over what is written after a start.

CREATE TABLE run_inputs (
    run           bigint PRIMARY KEY
                  REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant        text COLLATE "C" NOT NULL,
    started_at_ms bigint NOT NULL,
    words         tsvector NOT NULL
);
CREATE INDEX run_input_words ON run_inputs USING gin (words);
