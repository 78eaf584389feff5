-- Stock, and the reservations that orders hold on it. Owner: components/inventory. Instants are epoch milliseconds UTC.
--
-- For every product, always:
--   available = on_hand - reserved, never negative
--   on_hand   = initial - what is CONFIRMED
--   reserved  = what is RESERVED

CREATE TABLE stock (
    product_id BIGINT NOT NULL PRIMARY KEY,
    initial    BIGINT NOT NULL CHECK (initial >= 0),    -- all pieces ever delivered
    on_hand    BIGINT NOT NULL,                         -- pieces in the house, reserved ones included
    reserved   BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    updated_at BIGINT NOT NULL,
    CONSTRAINT stock_covers_reservations CHECK (on_hand >= reserved),
    CONSTRAINT stock_was_delivered CHECK (on_hand <= initial)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One row for each product of an order, whose quantity is the sum over the order's lines. No foreign key to `stock`, whose check would lock its rows
-- before the update does; the code finds unknown products itself.
CREATE TABLE reservations (
    order_no   VARCHAR(64) NOT NULL,
    product_id BIGINT      NOT NULL,
    quantity   BIGINT      NOT NULL CHECK (quantity >= 1),
    state      VARCHAR(16) NOT NULL CHECK (state IN ('RESERVED', 'CONFIRMED', 'RELEASED', 'RESTOCKED')),
    created_at BIGINT      NOT NULL,
    updated_at BIGINT      NOT NULL,
    PRIMARY KEY (order_no, product_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The outcome of each saga step, written in the same transaction as its effect (crates/store, module `barrier`).
CREATE TABLE step_barrier (
    step_id      VARCHAR(128) NOT NULL PRIMARY KEY,
    action       VARCHAR(64)  NOT NULL,
    request_hash VARCHAR(64)  NOT NULL,
    outcome      LONGTEXT     NOT NULL,  -- JSON
    created_at   BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
