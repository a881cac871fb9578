-- The journal in PostgreSQL, version 31: an update of a run writes no index.
--
-- An update is light (HOT) where no column of any index changes, even of an index that the row is
-- not in, and where its page has room. `runs_waiting` had the moment of a run's newest event, which
-- each append changes; it has the moment at which the wait began instead. Where a process of an older
-- version has written the wait, that is missing, and counts as the longest. No table is written anew.
--
-- That a row of events has its run is seen by the update or insert of the run in the same statement
-- list; a foreign key looked again, and locked the run's row, for every row of events. What it did
-- besides, a trigger does: the events of a run are deleted with it.

ALTER TABLE runs SET (fillfactor = 60);
ALTER TABLE runs ADD COLUMN waits_since_ms bigint;
UPDATE runs SET waits_since_ms = updated_at_ms WHERE signal_name IS NOT NULL;
DROP INDEX runs_waiting;
CREATE INDEX runs_waiting ON runs (tenant, signal_name, signal_key, waits_since_ms NULLS FIRST, id)
    WHERE signal_name IS NOT NULL;

ALTER TABLE events DROP CONSTRAINT events_run_fkey;
CREATE FUNCTION delete_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM events WHERE run = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER events_go_with_their_run AFTER DELETE ON runs
    FOR EACH ROW EXECUTE FUNCTION delete_events();
