-- The journal, version 38: the firings that started nothing, by moment.

CREATE INDEX firings_unstarted ON firings (tenant, at_ms)
    WHERE outcome = 'skipped' OR outcome = 'failed';
