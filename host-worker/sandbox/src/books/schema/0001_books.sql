CREATE TABLE IF NOT EXISTS payments (
    merchant_payment_id TEXT PRIMARY KEY,
    code_id TEXT NOT NULL UNIQUE,
    payment_id TEXT UNIQUE,
    -- The body of the request that made the code, as JSON.
    request TEXT NOT NULL,
    url TEXT NOT NULL,
    deeplink TEXT NOT NULL,
    -- Yen; after a capture: what was captured.
    amount INTEGER NOT NULL,
    status TEXT NOT NULL,
    -- Epoch seconds.
    expires_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    -- Epoch seconds; null until the buyer has acted.
    accepted_at INTEGER,
    -- Epoch seconds at which an authorization runs out.
    authorized_until INTEGER,
    capture_id TEXT,
    -- Epoch seconds.
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS payments_by_age ON payments (created_at);

CREATE TABLE IF NOT EXISTS refunds (
    merchant_refund_id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE,
    -- Yen.
    amount INTEGER NOT NULL,
    reason TEXT,
    -- Epoch seconds.
    requested_at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant_payment_id TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The webhook's body as it is sent, JSON.
    body TEXT NOT NULL,
    -- PENDING, DELIVERED, LOST or DROPPED.
    outcome TEXT NOT NULL,
    -- What the faults did to it, in words; empty: nothing.
    faults TEXT NOT NULL,
    -- Epoch milliseconds.
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- JSON list of attempts.
    attempts TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_of_payment ON deliveries (merchant_payment_id);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE outcome = 'PENDING';

CREATE TABLE IF NOT EXISTS settings (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;
