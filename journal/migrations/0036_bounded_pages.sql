-- The journal, version 36: pages of the audit log and of webhooks
-- that read no more than they show.
--
-- Each index of callers and actions has its entries in the order of the pages. `deliveries_failing`
-- has the deliveries that are to be repeated, so that a webhook with none is known at once.

CREATE INDEX audit_by_who ON audit (tenant, who, position);
CREATE INDEX audit_by_action ON audit (tenant, action, position);
CREATE INDEX audit_by_both ON audit (tenant, who, action, position);
CREATE INDEX audit_by_moment ON audit (tenant, at_ms, position);

CREATE INDEX deliveries_failing ON deliveries (webhook)
    WHERE next_at_ms IS NOT NULL AND attempts > 0;
