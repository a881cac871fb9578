-- The journal in PostgreSQL, version 36: pages of the audit log and of webhooks
-- that read no more than they show.

CREATE INDEX audit_by_who ON audit (tenant, who, position);
CREATE INDEX audit_by_action ON audit (tenant, action, position);
CREATE INDEX audit_by_both ON audit (tenant, who, action, position);
CREATE INDEX audit_by_moment ON audit (tenant, at_ms, position);

CREATE INDEX deliveries_failing ON deliveries (webhook)
    WHERE next_at_ms IS NOT NULL AND attempts > 0;
