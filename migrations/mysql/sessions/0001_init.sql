-- Who is logged in, and the public keys that identity tokens are checked with. Owner: components/bff. Instants are epoch milliseconds UTC.

-- The cookie holds the session id; only its SHA-256 is here, so that a copy of this table opens no session.
CREATE TABLE sessions (
    id_hash    VARCHAR(64)  NOT NULL PRIMARY KEY,    -- 64 hexadecimal digits
    user_id    VARCHAR(128) NOT NULL,
    email      TEXT,
    name       TEXT,
    role       VARCHAR(16)  NOT NULL CHECK (role IN ('buyer', 'admin')),
    created_at BIGINT       NOT NULL,
    expires_at BIGINT       NOT NULL                 -- the identity token's own end
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The issuer's key set as it was last fetched.
CREATE TABLE key_sets (
    url          VARCHAR(512) NOT NULL PRIMARY KEY,
    document     LONGTEXT,                           -- JSON; null until a fetch has succeeded
    expires_at   BIGINT       NOT NULL,              -- by the issuer's Cache-Control
    attempted_at BIGINT       NOT NULL               -- the last fetch that was begun, whatever came of it
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
