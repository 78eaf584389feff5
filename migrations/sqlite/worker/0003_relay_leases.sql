-- Who of several workers hands events to a log that they share. Nobody reads a clock: whoever has it raises `beat` again and again, and another
-- takes it over only after having seen it unchanged for the length of a lease. Each take-over raises `fence`; what an earlier holder still
-- writes is refused by it. An empty `owner` has let go.
CREATE TABLE relay_leases (
    log        TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    fence      INTEGER NOT NULL CHECK (fence >= 1),
    beat       INTEGER NOT NULL CHECK (beat >= 0),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
