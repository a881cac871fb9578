-- The journal, version 35: an index of runs under way that is cheap to keep.
--
-- SQLite makes a table in memory for each IN of three texts that it evaluates: once for each new run,
-- and twice for each that ends.

DROP INDEX runs_unfinished;
CREATE INDEX runs_unfinished ON runs (id)
    WHERE state = 'new' OR state = 'ready' OR state = 'executing';
