-- The journal, version 32: fewer pages for each append.
--
-- The position of an event is given in its statement, above the largest at hand and above
-- `sqlite_sequence`, which AUTOINCREMENT wrote at each append: a page more in each transaction. From
-- now on that row is the largest position that was deleted, kept by whatever deletes. The rows of
-- `events` stay as they are; only what is said of the table changes.
--
-- Retention asks for the ends of runs that no run has started, and lists for the ends of all: each
-- run stands in one index for both, child runs in another.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(sql, 'INTEGER PRIMARY KEY AUTOINCREMENT', 'INTEGER PRIMARY KEY')
    WHERE type = 'table' AND name = 'events';
PRAGMA writable_schema = RESET;

INSERT INTO sqlite_sequence (name, seq)
    SELECT 'events', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events');
CREATE TRIGGER events_deleted AFTER DELETE ON events BEGIN
    UPDATE sqlite_sequence SET seq = OLD.position WHERE name = 'events' AND seq < OLD.position;
END;

DROP INDEX runs_ended;
DROP INDEX runs_by_end;
CREATE INDEX runs_by_end ON runs (tenant, status, ended_at_ms, id, workflow_id)
    WHERE parent IS NULL AND ended_at_ms IS NOT NULL;
CREATE INDEX child_runs_by_end ON runs (tenant, status, ended_at_ms, id, workflow_id)
    WHERE parent IS NOT NULL AND ended_at_ms IS NOT NULL;
