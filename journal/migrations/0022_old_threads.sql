-- The journal, version 22: conversations in which nothing was said for long are found by index.

CREATE INDEX threads_by_age ON threads (updated_at_ms);
