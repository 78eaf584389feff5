-- What the host worker remembers for itself. Owner: host-worker. Losing this file loses no order: events are relayed again, and whoever
-- consumes them deduplicates by their id.

-- How far the outbox has been handed to a log: every row up to and with `seq` was delivered.
CREATE TABLE relay_positions (
    log        TEXT PRIMARY KEY,
    seq        INTEGER NOT NULL CHECK (seq >= 0),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
