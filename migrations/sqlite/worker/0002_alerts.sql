-- What the alert processor knows, and what it has raised. Owner: host-worker/alerts. Losing the first two tables loses no alert: the events are read
-- again, and alerts are named by what they are about.

-- How far each stream has been read. A partition belongs to whoever raised `epoch` last; what an earlier owner still writes is refused.
CREATE TABLE alert_offsets (
    topic       TEXT NOT NULL,
    part        INTEGER NOT NULL,
    next_offset INTEGER NOT NULL CHECK (next_offset >= 0),
    epoch       INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (topic, part)
) STRICT, WITHOUT ROWID;

-- One order as its events tell it. `next_deadline` is when a rule speaks unless an event comes first.
CREATE TABLE alert_state (
    order_no      TEXT PRIMARY KEY,
    part          INTEGER NOT NULL,
    document      TEXT NOT NULL,
    next_deadline INTEGER,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_state_deadline ON alert_state (part, next_deadline) WHERE next_deadline IS NOT NULL;
CREATE INDEX alert_state_age ON alert_state (updated_at);

-- What people see: alerts of the rules A to D and those that components raise themselves.
CREATE TABLE alerts (
    alert_id    TEXT PRIMARY KEY,
    rule_id     TEXT NOT NULL,
    severity    TEXT NOT NULL,
    order_no    TEXT,
    observed    TEXT NOT NULL,
    expected    TEXT NOT NULL,
    detected_at INTEGER NOT NULL,
    source      TEXT NOT NULL,
    facts       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('NEW', 'ACKNOWLEDGED', 'RESOLVED')),
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_newest ON alerts (detected_at, alert_id);
CREATE INDEX alerts_order ON alerts (order_no);

-- Who took note of an alert or settled it, when, and in which words.
CREATE TABLE alert_audit (
    alert_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    note     TEXT,
    PRIMARY KEY (alert_id, position)
) STRICT, WITHOUT ROWID;

-- Alerts on their way to their topic; kept for a while after it, so that a replay does not send them again.
CREATE TABLE alert_outbox (
    alert_id     TEXT PRIMARY KEY,
    message_key  TEXT NOT NULL,
    data         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    published_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_outbox_waiting ON alert_outbox (created_at) WHERE published_at IS NULL;

-- Events that could not be read, where no topic takes them.
CREATE TABLE alert_dead_letters (
    topic         TEXT NOT NULL,
    part          INTEGER NOT NULL,
    source_offset INTEGER NOT NULL,
    event_id      TEXT,
    reason        TEXT NOT NULL,
    data          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (topic, part, source_offset)
) STRICT, WITHOUT ROWID;
