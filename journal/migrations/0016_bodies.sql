-- The journal, version 16: bodies.
--
-- Which body of its workflow's document a run is a run of: null for the whole document. It is a
-- part of the projection of its fold, so that lists and the inbox can say which branch a run is.

ALTER TABLE runs ADD COLUMN body TEXT;

UPDATE runs SET body = (
    SELECT json_extract(e.body, '$.body') FROM events e
    WHERE e.run = runs.id AND e.seq = 1 AND instr(e.body, '"body":') > 0
);
