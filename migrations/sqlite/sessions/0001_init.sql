-- Who is logged in, and the public keys that identity tokens are checked with. Owner: components/bff. Instants are epoch milliseconds UTC.

-- The cookie holds the session id; only its SHA-256 is here, so that a copy of this table opens no session.
CREATE TABLE sessions (
    id_hash    TEXT PRIMARY KEY,            -- 64 hexadecimal digits
    user_id    TEXT NOT NULL,
    email      TEXT,
    name       TEXT,
    role       TEXT NOT NULL CHECK (role IN ('buyer', 'admin')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL             -- the identity token's own end
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The issuer's key set as it was last fetched.
CREATE TABLE key_sets (
    url          TEXT PRIMARY KEY,
    document     TEXT,                      -- JSON; null until a fetch has succeeded
    expires_at   INTEGER NOT NULL,          -- by the issuer's Cache-Control
    attempted_at INTEGER NOT NULL           -- the last fetch that was begun, whatever came of it
) STRICT, WITHOUT ROWID;
