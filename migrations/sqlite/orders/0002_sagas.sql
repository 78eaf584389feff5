-- Sagas that are not an order's: instances of registered state machines. And what an operator needs: phases, an audit, an archive.

CREATE TABLE saga_instances_2 (
    id                  TEXT PRIMARY KEY,
    machine             TEXT NOT NULL,
    definitions         TEXT,            -- JSON: the registered machines it runs, name -> version_no; null: built-in
    business_key        TEXT,
    order_no            TEXT UNIQUE REFERENCES orders (order_no),   -- null: not an order's
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
    -- What needs somebody comes first in lists.
    urgency             INTEGER NOT NULL GENERATED ALWAYS AS (CASE phase WHEN 'PARKED' THEN 0 WHEN 'RECOVERING' THEN 1 ELSE 2 END) VIRTUAL
) STRICT;

INSERT INTO saga_instances_2 (id, machine, business_key, order_no, phase, status, compensation_status, instance, lease_owner,
                              lease_until, fence, due_at, due_kind, failures, created_at, updated_at, ended_at)
SELECT id, machine, order_no, order_no,
       CASE json_extract(instance, '$.cursor.at')
           WHEN 'waiting' THEN 'WAITING'
           WHEN 'backingOff' THEN 'RETRYING'
           WHEN 'compensating' THEN 'COMPENSATING'
           WHEN 'ended' THEN CASE
               WHEN status = 'SU' THEN 'SUCCEEDED'
               WHEN compensation_status = 'SU' THEN 'COMPENSATED'
               WHEN status = 'FA' AND compensation_status IS NULL THEN 'FAILED'
               ELSE 'PARKED' END
           ELSE 'RUNNING' END,
       status, compensation_status, instance, lease_owner, lease_until, fence, due_at, due_kind, failures, created_at, updated_at,
       json_extract(instance, '$.endedAt')
FROM saga_instances;

DROP TABLE saga_instances;
ALTER TABLE saga_instances_2 RENAME TO saga_instances;
CREATE INDEX saga_instances_due ON saga_instances (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX saga_instances_list ON saga_instances (urgency, created_at DESC, id DESC);
CREATE INDEX saga_instances_phase ON saga_instances (phase, machine, created_at DESC);
CREATE INDEX saga_instances_ended ON saga_instances (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX saga_instances_key ON saga_instances (machine, business_key) WHERE business_key IS NOT NULL;

-- Final sagas of old, out of the way of the living ones. One that is needed again (a refund after a month) comes back.
CREATE TABLE saga_archive (
    id                  TEXT PRIMARY KEY,
    machine             TEXT NOT NULL,
    definitions         TEXT,
    business_key        TEXT,
    order_no            TEXT UNIQUE,
    phase               TEXT NOT NULL,
    status              TEXT NOT NULL,
    compensation_status TEXT,
    instance            TEXT NOT NULL,
    fence               INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    ended_at            INTEGER NOT NULL,
    archived_at         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX saga_archive_key ON saga_archive (machine, business_key) WHERE business_key IS NOT NULL;

-- Definitions in the state language, every version that was ever registered: an instance goes on with the one it began with.
CREATE TABLE state_machines (
    name          TEXT NOT NULL,
    version_no    INTEGER NOT NULL,   -- from 1
    definition    TEXT NOT NULL,      -- JSON
    registered_at INTEGER NOT NULL,
    registered_by TEXT NOT NULL,
    PRIMARY KEY (name, version_no)
) STRICT, WITHOUT ROWID;

-- Who did what to a saga; refused attempts included.
CREATE TABLE saga_audit (
    entry_no INTEGER PRIMARY KEY AUTOINCREMENT,
    saga_id  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    reason   TEXT,
    outcome  TEXT NOT NULL
) STRICT;
CREATE INDEX saga_audit_by_saga ON saga_audit (saga_id, entry_no);
