-- The journal, version 30: the words of the data that runs began with.
--
-- What a search finds beside titles and labels. It is written some moments after a start, by a task
-- that follows the events by their positions; how far that has come is `inputs_up_to` of `meta`. All
-- of it can be made anew from the events. `words` has each word once, and a bounded number of them.

CREATE TABLE run_inputs (
    run           INTEGER PRIMARY KEY
                  REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant        TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    words         TEXT NOT NULL
) STRICT;

CREATE VIEW run_input_texts AS SELECT run, 't' || hex(tenant) AS tenant, words FROM run_inputs;
CREATE VIRTUAL TABLE run_input_words USING fts5 (
    tenant, words, content = 'run_input_texts', content_rowid = 'run',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4 5'
);

CREATE TRIGGER run_inputs_new AFTER INSERT ON run_inputs BEGIN
    INSERT INTO run_input_words (rowid, tenant, words)
        SELECT run, tenant, words FROM run_input_texts WHERE run = new.run;
END;
CREATE TRIGGER run_inputs_going BEFORE DELETE ON run_inputs BEGIN
    INSERT INTO run_input_words (run_input_words, rowid, tenant, words)
        SELECT 'delete', run, tenant, words FROM run_input_texts WHERE run = old.run;
END;
