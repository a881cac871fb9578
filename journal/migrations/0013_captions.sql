-- The journal, version 13: titles and labels.
--
-- What a run is called and by what it is found, written in the transaction of the event that
-- changed it; a run whose definition says neither has no row. `run_labels` has a list of runs, the
-- newest first, for each value of a label. `run_words` is the full text; a tenant is one word of
-- it, so that a search never reads another's. The triggers keep both, also when runs are deleted.
-- Two indexes hold `parent` too, so that a list without child runs skips them in the index.

CREATE TABLE run_captions (
    run           INTEGER PRIMARY KEY
                  REFERENCES runs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    tenant        TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    title         TEXT NOT NULL,
    labels        TEXT NOT NULL
) STRICT;

CREATE TABLE run_labels (
    tenant        TEXT NOT NULL,
    name          TEXT NOT NULL,
    value         TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    run           INTEGER NOT NULL,
    PRIMARY KEY (tenant, name, value, started_at_ms, run)
) STRICT, WITHOUT ROWID;

CREATE VIEW run_texts AS
    SELECT run, 't' || hex(tenant) AS tenant, title,
           (SELECT group_concat(value, ' ') FROM json_each(labels)) AS labels
    FROM run_captions;
CREATE VIRTUAL TABLE run_words USING fts5 (
    tenant, title, labels, content = 'run_texts', content_rowid = 'run',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4 5'
);

CREATE TRIGGER run_captions_new AFTER INSERT ON run_captions BEGIN
    INSERT INTO run_words (rowid, tenant, title, labels)
        SELECT run, tenant, title, labels FROM run_texts WHERE run = new.run;
    INSERT INTO run_labels
        SELECT new.tenant, key, value, new.started_at_ms, new.run FROM json_each(new.labels);
END;
CREATE TRIGGER run_captions_going BEFORE DELETE ON run_captions BEGIN
    INSERT INTO run_words (run_words, rowid, tenant, title, labels)
        SELECT 'delete', run, tenant, title, labels FROM run_texts WHERE run = old.run;
    DELETE FROM run_labels WHERE (tenant, name, value, started_at_ms, run) IN
        (SELECT old.tenant, key, value, old.started_at_ms, old.run FROM json_each(old.labels));
END;
CREATE TRIGGER run_captions_changing BEFORE UPDATE ON run_captions BEGIN
    INSERT INTO run_words (run_words, rowid, tenant, title, labels)
        SELECT 'delete', run, tenant, title, labels FROM run_texts WHERE run = old.run;
    DELETE FROM run_labels WHERE (tenant, name, value, started_at_ms, run) IN
        (SELECT old.tenant, key, value, old.started_at_ms, old.run FROM json_each(old.labels));
END;
CREATE TRIGGER run_captions_changed AFTER UPDATE ON run_captions BEGIN
    INSERT INTO run_words (rowid, tenant, title, labels)
        SELECT run, tenant, title, labels FROM run_texts WHERE run = new.run;
    INSERT INTO run_labels
        SELECT new.tenant, key, value, new.started_at_ms, new.run FROM json_each(new.labels);
END;

DROP INDEX runs_by_status;
DROP INDEX runs_by_workflow;
CREATE INDEX runs_by_status ON runs (tenant, status, started_at_ms, id, parent);
CREATE INDEX runs_by_workflow
    ON runs (tenant, workflow_id, status, started_at_ms, id, parent);
