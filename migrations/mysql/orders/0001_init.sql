-- Orders, the sagas that drive them, and what comes in and goes out. Owner: components/order. Only `outbox` is read by another process, the
-- relay. Money in yen, instants epoch milliseconds UTC, documents JSON.
--
-- Whoever changes an order, or what hangs on it, locks its row here first.

CREATE TABLE orders (
    order_no            VARCHAR(64)  NOT NULL PRIMARY KEY,
    user_id             VARCHAR(128) NOT NULL,
    status              VARCHAR(32)  NOT NULL CHECK (status IN ('PENDING', 'WAITING_PAYMENT', 'PAID', 'REFUNDED', 'FAILED')),
    payment_status      VARCHAR(32)  NOT NULL,
    fail_code           VARCHAR(64),
    amount              BIGINT       NOT NULL CHECK (amount >= 0),          -- what the lines add up to
    balance_amount      BIGINT       NOT NULL CHECK (balance_amount >= 0),  -- the part taken from the buyer's balance
    pay_amount          BIGINT       NOT NULL CHECK (pay_amount >= 0),      -- the part asked of PayPay
    merchant_payment_id VARCHAR(64),                                        -- the current one; earlier ones: payment_attempts
    payment_id          VARCHAR(255),                                       -- PayPay's, once paid
    pay_url             TEXT,
    pay_deeplink        TEXT,
    expires_at          BIGINT,                                             -- the buyer's deadline
    refund_request      LONGTEXT,                                           -- JSON; a refund that was ordered, until it is done
    polls               BIGINT       NOT NULL DEFAULT 0,                    -- readings of PayPay's details so far
    version             BIGINT       NOT NULL,                              -- grows with every change that a buyer can see
    created_at          BIGINT       NOT NULL,
    updated_at          BIGINT       NOT NULL,
    CONSTRAINT orders_add_up CHECK (amount = balance_amount + pay_amount)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX orders_by_user ON orders (user_id, created_at DESC, order_no DESC);
-- What an administrator looks for among payments: the newest, and those that ended otherwise than nearly all.
CREATE INDEX orders_by_time ON orders (created_at DESC, order_no DESC);
CREATE INDEX orders_by_status ON orders (status, created_at DESC, order_no DESC);

CREATE TABLE order_lines (
    order_no   VARCHAR(64) NOT NULL,
    line_no    BIGINT      NOT NULL,
    product_id BIGINT      NOT NULL,
    name       TEXT        NOT NULL,               -- as it was called when it was ordered
    unit_price BIGINT      NOT NULL CHECK (unit_price >= 0),
    quantity   BIGINT      NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    PRIMARY KEY (order_no, line_no),
    CONSTRAINT order_lines_are_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What a buyer sees as the order's history.
CREATE TABLE timeline (
    order_no VARCHAR(64) NOT NULL,
    entry_no BIGINT      NOT NULL,
    at       BIGINT      NOT NULL,
    event    VARCHAR(64) NOT NULL,
    detail   TEXT,
    PRIMARY KEY (order_no, entry_no),
    CONSTRAINT timeline_is_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Every id under which PayPay was, or may have been, asked for a code for an order.
CREATE TABLE payment_attempts (
    merchant_payment_id VARCHAR(64) NOT NULL PRIMARY KEY,
    order_no            VARCHAR(64) NOT NULL,
    created_at          BIGINT      NOT NULL,
    watch_until         BIGINT      NOT NULL DEFAULT 0,  -- it may still be paid until then
    settled_at          BIGINT,                          -- null: open; set when its payment was accepted, refunded, or can no longer come
    CONSTRAINT payment_attempts_are_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX payment_attempts_open ON payment_attempts (order_no, settled_at, watch_until);
CREATE INDEX payment_attempts_by_time ON payment_attempts (created_at, merchant_payment_id);

-- Sagas: one for each order, with the order's number as its id, and instances of registered state machines. `due_at` says when somebody must look at
-- it next, `due_kind` what for; both are null once nothing is left to do. `fence` grows with every change of owner: a write under an older fence is
-- refused.
CREATE TABLE saga_instances (
    id                  VARCHAR(64)  NOT NULL PRIMARY KEY,
    machine             VARCHAR(255) NOT NULL,
    definitions         LONGTEXT,                 -- JSON: the registered machines it runs, name -> version_no; null: built-in
    business_key        VARCHAR(255),
    order_no            VARCHAR(64),              -- null: not an order's; else the same as `id`
    phase               VARCHAR(16)  NOT NULL CHECK (phase IN ('RUNNING', 'WAITING', 'RETRYING', 'COMPENSATING', 'RECOVERING', 'PARKED',
                                                               'SUCCEEDED', 'FAILED', 'COMPENSATED')),
    status              VARCHAR(16)  NOT NULL,
    compensation_status VARCHAR(16),
    instance            LONGTEXT     NOT NULL,    -- JSON, crates/saga: the instance with all its state rows
    lease_owner         VARCHAR(128),
    lease_until         BIGINT       NOT NULL DEFAULT 0,
    fence               BIGINT       NOT NULL DEFAULT 0,
    due_at              BIGINT,
    due_kind            VARCHAR(16)  CHECK (due_kind IN ('resume', 'poll', 'expire', 'inbox', 'saga')),
    failures            BIGINT       NOT NULL DEFAULT 0,   -- of the current work, in a row; for back-off
    created_at          BIGINT       NOT NULL,
    updated_at          BIGINT       NOT NULL,
    ended_at            BIGINT,
    -- Business keys are unique among sagas that are not an order's: null, which may be there often, for the others.
    own_key             VARCHAR(255) AS (CASE WHEN order_no IS NULL THEN business_key END) STORED,
    CONSTRAINT saga_instances_have_the_orders_number CHECK (order_no = id),
    CONSTRAINT saga_instances_are_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX saga_instances_due ON saga_instances (due_at);
CREATE INDEX saga_instances_time ON saga_instances (created_at DESC, id DESC);
CREATE INDEX saga_instances_phase ON saga_instances (phase, created_at DESC, id DESC, machine);
CREATE UNIQUE INDEX saga_instances_key ON saga_instances (machine, own_key);

-- Final sagas of old, out of the way of the living ones. One that is needed again (a refund after a month) comes back.
CREATE TABLE saga_archive (
    id                  VARCHAR(64)  NOT NULL PRIMARY KEY,
    machine             VARCHAR(255) NOT NULL,
    definitions         LONGTEXT,
    business_key        VARCHAR(255),
    order_no            VARCHAR(64)  UNIQUE,
    phase               VARCHAR(16)  NOT NULL,
    status              VARCHAR(16)  NOT NULL,
    compensation_status VARCHAR(16),
    instance            LONGTEXT     NOT NULL,
    fence               BIGINT       NOT NULL,
    created_at          BIGINT       NOT NULL,
    updated_at          BIGINT       NOT NULL,
    ended_at            BIGINT       NOT NULL,
    archived_at         BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE UNIQUE INDEX saga_archive_key ON saga_archive (machine, business_key);

-- Definitions in the state language, every version that was ever registered: an instance goes on with the one it began with.
CREATE TABLE state_machines (
    name          VARCHAR(255) NOT NULL,
    version_no    BIGINT       NOT NULL,   -- from 1
    definition    LONGTEXT     NOT NULL,   -- JSON
    registered_at BIGINT       NOT NULL,
    registered_by VARCHAR(255) NOT NULL,
    PRIMARY KEY (name, version_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who did what to a saga; refused attempts included.
CREATE TABLE saga_audit (
    entry_no BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    saga_id  VARCHAR(64)  NOT NULL,
    at       BIGINT       NOT NULL,
    actor    VARCHAR(255) NOT NULL,
    action   TEXT         NOT NULL,
    reason   TEXT,
    outcome  TEXT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX saga_audit_by_saga ON saga_audit (saga_id, entry_no);

-- Webhooks, stored before they are believed. The key is derived from the event, so a repeat finds its first copy.
CREATE TABLE inbox (
    dedupe_key          VARCHAR(512) NOT NULL PRIMARY KEY,
    order_no            VARCHAR(64)  NOT NULL,
    merchant_payment_id VARCHAR(64)  NOT NULL,
    state               VARCHAR(64)  NOT NULL,
    amount              BIGINT,
    payload             LONGTEXT     NOT NULL,
    received_at         BIGINT       NOT NULL,
    applied_at          BIGINT,
    outcome             VARCHAR(64),
    CONSTRAINT inbox_is_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX inbox_open ON inbox (order_no, applied_at);

-- Events for the world, committed with the change that they tell of. The columns are a contract with the relay. A number is taken before its
-- transaction is committed, so a lower one may appear after a higher one; not so among the events of one order, whose row is locked first.
CREATE TABLE outbox (
    seq         BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    id          VARCHAR(512) NOT NULL UNIQUE,
    topic       VARCHAR(128) NOT NULL,
    `key`       VARCHAR(128) NOT NULL,
    type        VARCHAR(128) NOT NULL,
    data        LONGTEXT     NOT NULL,
    request_id  VARCHAR(128),
    traceparent VARCHAR(128),
    created_at  BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- WebSocket channel tokens, hashed.
CREATE TABLE channels (
    token_hash VARCHAR(64) NOT NULL PRIMARY KEY,
    order_no   VARCHAR(64) NOT NULL,
    expires_at BIGINT      NOT NULL,
    CONSTRAINT channels_are_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX channels_by_expiry ON channels (expires_at);

-- What a buyer's Idempotency-Key was first used for. `response` is null while the first request is under way.
CREATE TABLE idempotency_keys (
    user_id      VARCHAR(128) NOT NULL,
    `key`        VARCHAR(128) NOT NULL,
    request_hash VARCHAR(64)  NOT NULL,
    order_no     VARCHAR(64)  NOT NULL,
    response     LONGTEXT,
    created_at   BIGINT       NOT NULL,
    PRIMARY KEY (user_id, `key`),
    CONSTRAINT idempotency_keys_are_of_orders FOREIGN KEY (order_no) REFERENCES orders (order_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
