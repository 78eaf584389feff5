-- When each round that one worker does for all (comparing books, archiving sagas) is due next. Whoever takes a round that is due puts `due_at` off for
-- as long as the next part of it may take, again and again: a worker that dies in a round leaves it due. Instants are epoch milliseconds UTC.
CREATE TABLE rounds (
    name       VARCHAR(64) NOT NULL PRIMARY KEY,
    owner      VARCHAR(64) NOT NULL,
    due_at     BIGINT      NOT NULL,
    updated_at BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
