-- An order writes its saga's row twice, and each index on it both times. So there are as few as the questions need, and what is asked of sagas that
-- succeeded, nearly all, is answered without an index of their own. An order's saga has the order's number as its id.

CREATE TABLE saga_instances_4 (
    id                  TEXT PRIMARY KEY,
    machine             TEXT NOT NULL,
    definitions         TEXT,            -- JSON: the registered machines it runs, name -> version_no; null: built-in
    business_key        TEXT,
    order_no            TEXT REFERENCES orders (order_no),   -- null: not an order's; else the same as `id`
    phase               TEXT NOT NULL CHECK (phase IN ('RUNNING', 'WAITING', 'RETRYING', 'COMPENSATING', 'RECOVERING', 'PARKED',
                                                       'SUCCEEDED', 'FAILED', 'COMPENSATED')),
    status              TEXT NOT NULL,
    compensation_status TEXT,
    instance            TEXT NOT NULL,   -- JSON, crates/saga: the instance with all its state rows
    lease_owner         TEXT,
    lease_until         INTEGER NOT NULL DEFAULT 0,
    fence               INTEGER NOT NULL DEFAULT 0,
    due_at              INTEGER,
    due_kind            TEXT CHECK (due_kind IN ('resume', 'poll', 'expire', 'inbox', 'saga')),
    failures            INTEGER NOT NULL DEFAULT 0,   -- of the current work, in a row; for back-off
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    ended_at            INTEGER,
    CHECK (order_no = id)
) STRICT;

INSERT INTO saga_instances_4 (id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, lease_owner,
                              lease_until, fence, due_at, due_kind, failures, created_at, updated_at, ended_at)
SELECT id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, lease_owner,
       lease_until, fence, due_at, due_kind, failures, created_at, updated_at, ended_at
FROM saga_instances ORDER BY created_at, id;

DROP TABLE saga_instances;
ALTER TABLE saga_instances_4 RENAME TO saga_instances;
CREATE INDEX saga_instances_due ON saga_instances (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX saga_instances_time ON saga_instances (created_at DESC, id DESC);
CREATE INDEX saga_instances_phase ON saga_instances (phase, created_at DESC, id DESC, machine) WHERE phase <> 'SUCCEEDED';
CREATE UNIQUE INDEX saga_instances_key ON saga_instances (machine, business_key) WHERE order_no IS NULL AND business_key IS NOT NULL;
