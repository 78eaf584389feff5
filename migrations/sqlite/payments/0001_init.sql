-- Codes, payments and refunds at PayPay as this shop knows them. Owner: components/payment. Instants are epoch milliseconds UTC, money is yen.

-- One row for each code that was asked for. The row is committed before PayPay is called, so after a crash it says what may exist there.
CREATE TABLE payment_codes (
    merchant_payment_id TEXT    PRIMARY KEY,
    create_step         TEXT    NOT NULL,
    order_no            TEXT    NOT NULL,
    amount              INTEGER NOT NULL CHECK (amount >= 1),
    -- INTENT: asked for, outcome unknown. A REJECTED code does not exist at PayPay.
    state               TEXT    NOT NULL CHECK (state IN ('INTENT', 'CREATED', 'REJECTED')),
    code_id             TEXT,
    url                 TEXT,
    deeplink            TEXT,
    expires_at          INTEGER,
    -- When PayPay confirmed that the code is disabled.
    deleted_at          INTEGER,
    -- PayPay's details as last read.
    status              TEXT,
    payment_id          TEXT,
    accepted_at         INTEGER,
    read_at             INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    CHECK (state <> 'CREATED' OR (code_id IS NOT NULL AND url IS NOT NULL AND expires_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_codes_by_step ON payment_codes (create_step);

CREATE TABLE refunds (
    merchant_refund_id  TEXT    PRIMARY KEY,
    merchant_payment_id TEXT    NOT NULL UNIQUE,
    payment_id          TEXT    NOT NULL,
    amount              INTEGER NOT NULL CHECK (amount >= 1),
    reason              TEXT    NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The outcome of each saga step (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      TEXT    PRIMARY KEY,
    action       TEXT    NOT NULL,
    request_hash TEXT    NOT NULL,
    outcome      TEXT    NOT NULL,  -- JSON
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
