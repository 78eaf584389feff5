-- Buyers' balances and every entry that made them. Owner: components/account. Money in yen, instants epoch milliseconds UTC.
--
-- For every account, always: balance = the sum of its entries' amounts, never negative.

CREATE TABLE accounts (
    user_id   VARCHAR(128) NOT NULL PRIMARY KEY,
    balance   BIGINT       NOT NULL CHECK (balance >= 0),
    opened_at BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE entries (
    id         BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id    VARCHAR(128) NOT NULL,
    kind       VARCHAR(16)  NOT NULL CHECK (kind IN ('welcome', 'debit', 'credit')),
    amount     BIGINT       NOT NULL,
    order_no   VARCHAR(64),           -- absent for a welcome gift
    step_id    VARCHAR(128) UNIQUE,   -- the saga step that made it; absent for a welcome gift
    returns    VARCHAR(128) UNIQUE,   -- for a credit: the step whose debit it gives back, which can be given back once
    at         BIGINT       NOT NULL,
    -- One welcome gift for each account: null, which may be there often, for everything else.
    welcomes   VARCHAR(128) AS (CASE WHEN kind = 'welcome' THEN user_id END) STORED UNIQUE,
    CONSTRAINT entries_debits_take CHECK (amount <> 0 AND (amount < 0) = (kind = 'debit')),
    CONSTRAINT entries_gifts_have_no_step CHECK ((kind = 'welcome') = (step_id IS NULL)),
    CONSTRAINT entries_credits_return CHECK ((kind = 'credit') = (returns IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE INDEX entries_by_user ON entries (user_id, id);

-- The outcome of each saga step, written in the same transaction as its effect (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      VARCHAR(128) NOT NULL PRIMARY KEY,
    action       VARCHAR(64)  NOT NULL,
    request_hash VARCHAR(64)  NOT NULL,
    outcome      LONGTEXT     NOT NULL,  -- JSON
    created_at   BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
