-- The journal, version 29: people who have signed in at MCP servers, for their tenants.
--
-- mcp_sign_ins   what is kept of one server for one tenant, each part sealed: as what Stepwell is
--                registered there, the sign-in that has begun, the tokens of the one that holds;
--                `held_until_ms` says until when one process alone fetches new tokens

CREATE TABLE mcp_sign_ins (
    tenant        TEXT NOT NULL,
    server        TEXT NOT NULL,
    client        BLOB,
    attempt       BLOB,
    tokens        BLOB,
    who           TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    held_until_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, server)
) STRICT, WITHOUT ROWID;
