-- Who of several workers hands events to a log that they share. Nobody reads a clock: whoever has it raises `beat` again and again, and another
-- takes it over only after having seen it unchanged for the length of a lease. Each take-over raises `fence`; what an earlier holder still
-- writes is refused by it. An empty `owner` has let go.
CREATE TABLE relay_leases (
    log        VARCHAR(64) NOT NULL PRIMARY KEY,
    owner      VARCHAR(64) NOT NULL,
    fence      BIGINT      NOT NULL CHECK (fence >= 1),
    beat       BIGINT      NOT NULL CHECK (beat >= 0),
    updated_at BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
