-- When each round that one worker does for all (comparing books, archiving sagas) is due next. Whoever takes a round that is due puts `due_at` off for
-- as long as the next part of it may take, again and again: a worker that dies in a round leaves it due. Instants are epoch milliseconds UTC.
CREATE TABLE rounds (
    name       TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
