-- What the host worker remembers for itself. Owner: host-worker. Losing this schema loses no order: events are relayed again, and whoever
-- consumes them deduplicates by their id. Instants are epoch milliseconds UTC.

-- How far the outbox has been handed to a log: every row up to and with `seq` was delivered.
CREATE TABLE relay_positions (
    log        VARCHAR(64) NOT NULL PRIMARY KEY,
    seq        BIGINT      NOT NULL CHECK (seq >= 0),
    updated_at BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
