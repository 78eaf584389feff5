-- Buyers' balances and every entry that made them. Owner: components/account. Money in yen, instants epoch milliseconds UTC.
--
-- For every account, always: balance = the sum of its entries' amounts, never negative.

CREATE TABLE accounts (
    user_id   TEXT    PRIMARY KEY,
    balance   INTEGER NOT NULL CHECK (balance >= 0),
    opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('welcome', 'debit', 'credit')),
    amount     INTEGER NOT NULL CHECK (amount <> 0 AND (amount < 0) = (kind = 'debit')),
    order_no   TEXT,               -- absent for a welcome gift
    step_id    TEXT    UNIQUE,     -- the saga step that made it; absent for a welcome gift
    returns    TEXT    UNIQUE,     -- for a credit: the step whose debit it gives back, which can be given back once
    at         INTEGER NOT NULL,
    CHECK ((kind = 'welcome') = (step_id IS NULL)),
    CHECK ((kind = 'credit') = (returns IS NOT NULL))
) STRICT;
CREATE INDEX entries_by_user ON entries (user_id, id DESC);
-- One welcome gift for each account.
CREATE UNIQUE INDEX entries_one_welcome ON entries (user_id) WHERE kind = 'welcome';

-- The outcome of each saga step, written in the same transaction as its effect (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      TEXT    PRIMARY KEY,
    action       TEXT    NOT NULL,
    request_hash TEXT    NOT NULL,
    outcome      TEXT    NOT NULL,  -- JSON
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
