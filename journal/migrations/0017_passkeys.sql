-- The journal, version 17.
--
-- `passkeys` are the keys of WebAuthn with which people sign in: `id` is how their device names
-- the key, `public_key` the key as it is there (COSE), `uses` the counter that devices keep, where
-- they keep one.

CREATE TABLE passkeys (
    id            TEXT PRIMARY KEY,
    tenant        TEXT NOT NULL,
    person        TEXT NOT NULL,
    name          TEXT NOT NULL,
    public_key    BLOB NOT NULL,
    uses          INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    used_at_ms    INTEGER
) STRICT;
