-- Orders, the sagas that drive them, and what comes in and goes out. Owner: components/order. Only `outbox` is read by
-- another process, the relay. Ids are text, instants epoch milliseconds UTC, money yen, documents JSON.

CREATE TABLE orders (
    order_no            TEXT PRIMARY KEY,
    user_id             TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('PENDING', 'WAITING_PAYMENT', 'PAID', 'REFUNDED', 'FAILED')),
    payment_status      TEXT NOT NULL,
    fail_code           TEXT,
    amount              INTEGER NOT NULL CHECK (amount >= 0),          -- what the lines add up to
    balance_amount      INTEGER NOT NULL CHECK (balance_amount >= 0),  -- the part taken from the buyer's balance
    pay_amount          INTEGER NOT NULL CHECK (pay_amount >= 0),      -- the part asked of PayPay
    merchant_payment_id TEXT,                                          -- the current one; earlier ones: payment_attempts
    payment_id          TEXT,                                          -- PayPay's, once paid
    pay_url             TEXT,
    pay_deeplink        TEXT,
    expires_at          INTEGER,                                       -- the buyer's deadline
    refund_request      TEXT,                                          -- JSON; a refund that was ordered, until it is done
    polls               INTEGER NOT NULL DEFAULT 0,                    -- readings of PayPay's details so far
    version             INTEGER NOT NULL,                              -- grows with every change that a buyer can see
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    CHECK (amount = balance_amount + pay_amount)
) STRICT;
CREATE INDEX orders_by_user ON orders (user_id, created_at DESC, order_no DESC);

CREATE TABLE order_lines (
    order_no   TEXT NOT NULL REFERENCES orders (order_no),
    line_no    INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    name       TEXT NOT NULL,               -- as it was called when it was ordered
    unit_price INTEGER NOT NULL CHECK (unit_price >= 0),
    quantity   INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    PRIMARY KEY (order_no, line_no)
) STRICT, WITHOUT ROWID;

-- What a buyer sees as the order's history.
CREATE TABLE timeline (
    order_no TEXT NOT NULL REFERENCES orders (order_no),
    entry_no INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    TEXT NOT NULL,
    detail   TEXT,
    PRIMARY KEY (order_no, entry_no)
) STRICT, WITHOUT ROWID;

-- Every id under which PayPay was, or may have been, asked for a code for an order.
CREATE TABLE payment_attempts (
    merchant_payment_id TEXT PRIMARY KEY,
    order_no            TEXT NOT NULL REFERENCES orders (order_no),
    created_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One saga for each order. `due_at` says when somebody must look at it next, `due_kind` what for; both are null once nothing is left
-- to do. `fence` grows with every change of owner: a write under an older fence is refused.
CREATE TABLE saga_instances (
    id                  TEXT PRIMARY KEY,
    machine             TEXT NOT NULL,
    order_no            TEXT NOT NULL UNIQUE REFERENCES orders (order_no),
    status              TEXT NOT NULL,
    compensation_status TEXT,
    instance            TEXT NOT NULL,   -- JSON, crates/saga
    lease_owner         TEXT,
    lease_until         INTEGER NOT NULL DEFAULT 0,
    fence               INTEGER NOT NULL DEFAULT 0,
    due_at              INTEGER,
    due_kind            TEXT CHECK (due_kind IN ('resume', 'poll', 'expire', 'inbox')),
    failures            INTEGER NOT NULL DEFAULT 0,   -- of the current work, in a row; for back-off
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX saga_instances_due ON saga_instances (due_at) WHERE due_at IS NOT NULL;

-- Webhooks, stored before they are believed. The key is derived from the event, so a repeat finds its first copy.
CREATE TABLE inbox (
    dedupe_key          TEXT PRIMARY KEY,
    order_no            TEXT NOT NULL REFERENCES orders (order_no),
    merchant_payment_id TEXT NOT NULL,
    state               TEXT NOT NULL,
    amount              INTEGER,
    payload             TEXT NOT NULL,
    received_at         INTEGER NOT NULL,
    applied_at          INTEGER,
    outcome             TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_open ON inbox (order_no) WHERE applied_at IS NULL;

-- Events for the world, committed with the change that they tell of. The columns are a contract with the relay.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    topic       TEXT NOT NULL,
    key         TEXT NOT NULL,
    type        TEXT NOT NULL,
    data        TEXT NOT NULL,
    request_id  TEXT,
    traceparent TEXT,
    created_at  INTEGER NOT NULL
) STRICT;

-- WebSocket channel tokens, hashed.
CREATE TABLE channels (
    token_hash TEXT PRIMARY KEY,
    order_no   TEXT NOT NULL REFERENCES orders (order_no),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channels_by_expiry ON channels (expires_at);

-- What a buyer's Idempotency-Key was first used for. `response` is null while the first request is under way.
CREATE TABLE idempotency_keys (
    user_id      TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    order_no     TEXT NOT NULL REFERENCES orders (order_no),
    response     TEXT,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
