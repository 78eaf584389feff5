-- Stock, and the reservations that orders hold on it. Owner: components/inventory. Instants are epoch milliseconds UTC.
--
-- For every product, always:
--   available = on_hand - reserved, never negative
--   on_hand   = initial - what is CONFIRMED
--   reserved  = what is RESERVED

CREATE TABLE stock (
    product_id INTEGER PRIMARY KEY,
    initial    INTEGER NOT NULL CHECK (initial >= 0),   -- all pieces ever delivered
    on_hand    INTEGER NOT NULL,                        -- pieces in the house, reserved ones included
    reserved   INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    updated_at INTEGER NOT NULL,
    CHECK (on_hand >= reserved),
    CHECK (on_hand <= initial)
) STRICT;

-- One row for each product of an order, whose quantity is the sum over the order's lines. No foreign key to `stock`: whether
-- one is enforced depends on the connection, so the code must not lean on it, and it finds unknown products itself.
CREATE TABLE reservations (
    order_no   TEXT    NOT NULL,
    product_id INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity >= 1),
    state      TEXT    NOT NULL CHECK (state IN ('RESERVED', 'CONFIRMED', 'RELEASED', 'RESTOCKED')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (order_no, product_id)
) STRICT, WITHOUT ROWID;

-- The outcome of each saga step, written in the same transaction as its effect (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      TEXT    PRIMARY KEY,
    action       TEXT    NOT NULL,
    request_hash TEXT    NOT NULL,
    outcome      TEXT    NOT NULL,  -- JSON
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
