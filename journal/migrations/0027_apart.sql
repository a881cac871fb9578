-- The journal, version 27: child runs that their parents have gone on without.
--
-- `apart` is 1 for a child run for which its parent's step waits no more and which goes on all the
-- same. It is a part of the projection of its fold, and stays so.

ALTER TABLE runs ADD COLUMN apart INTEGER NOT NULL DEFAULT 0;
