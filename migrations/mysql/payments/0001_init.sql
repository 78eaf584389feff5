-- Codes, payments and refunds at PayPay as this shop knows them. Owner: components/payment. Instants are epoch milliseconds UTC, money is yen.

-- One row for each code that was asked for. The row is committed before PayPay is called, so after a crash it says what may exist there.
CREATE TABLE payment_codes (
    merchant_payment_id VARCHAR(64)   NOT NULL PRIMARY KEY,
    create_step         VARCHAR(128)  NOT NULL,
    order_no            VARCHAR(64)   NOT NULL,
    amount              BIGINT        NOT NULL CHECK (amount >= 1),
    -- INTENT: asked for, outcome unknown. A REJECTED code does not exist at PayPay.
    state               VARCHAR(16)   NOT NULL CHECK (state IN ('INTENT', 'CREATED', 'REJECTED')),
    code_id             VARCHAR(255),
    url                 TEXT,
    deeplink            TEXT,
    expires_at          BIGINT,
    -- When PayPay confirmed that the code is disabled.
    deleted_at          BIGINT,
    -- PayPay's details as last read.
    status              VARCHAR(64),
    payment_id          VARCHAR(255),
    accepted_at         BIGINT,
    read_at             BIGINT,
    created_at          BIGINT        NOT NULL,
    updated_at          BIGINT        NOT NULL,
    -- How many requests for the code may have taken effect without an outcome on record. 0: PayPay has made no code.
    open_calls          BIGINT        NOT NULL DEFAULT 1 CHECK (open_calls >= 0),
    CONSTRAINT payment_codes_created_are_whole
        CHECK (state <> 'CREATED' OR (code_id IS NOT NULL AND url IS NOT NULL AND expires_at IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE INDEX payment_codes_by_step ON payment_codes (create_step);

CREATE TABLE refunds (
    merchant_refund_id  VARCHAR(64)  NOT NULL PRIMARY KEY,
    merchant_payment_id VARCHAR(64)  NOT NULL UNIQUE,
    payment_id          VARCHAR(255) NOT NULL,
    amount              BIGINT       NOT NULL CHECK (amount >= 1),
    reason              TEXT         NOT NULL,
    created_at          BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The outcome of each saga step (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      VARCHAR(128) NOT NULL PRIMARY KEY,
    action       VARCHAR(64)  NOT NULL,
    request_hash VARCHAR(64)  NOT NULL,
    outcome      LONGTEXT     NOT NULL,  -- JSON
    created_at   BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
