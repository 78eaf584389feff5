-- What the alert processor knows, and what it has raised. Owner: host-worker/alerts. Losing the first two tables loses no alert: the events are read
-- again, and alerts are named by what they are about. What events say in their own words is TEXT: nothing of theirs is too long for its column.

-- How far each stream has been read. A partition belongs to whoever raised `epoch` last; what an earlier owner still writes is refused.
CREATE TABLE alert_offsets (
    topic       VARCHAR(191) NOT NULL,
    part        BIGINT       NOT NULL,
    next_offset BIGINT       NOT NULL CHECK (next_offset >= 0),
    epoch       BIGINT       NOT NULL,
    updated_at  BIGINT       NOT NULL,
    PRIMARY KEY (topic, part)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One order as its events tell it. `next_deadline` is when a rule speaks unless an event comes first.
CREATE TABLE alert_state (
    order_no      VARCHAR(64) NOT NULL PRIMARY KEY,
    part          BIGINT      NOT NULL,
    document      LONGTEXT    NOT NULL,
    next_deadline BIGINT,
    updated_at    BIGINT      NOT NULL,
    KEY alert_state_deadline (part, next_deadline),
    KEY alert_state_age (updated_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What people see: alerts of the rules A to D and those that components raise themselves.
CREATE TABLE alerts (
    alert_id    VARCHAR(191) NOT NULL PRIMARY KEY,
    rule_id     TEXT         NOT NULL,
    severity    TEXT         NOT NULL,
    order_no    TEXT,
    observed    TEXT         NOT NULL,
    expected    TEXT         NOT NULL,
    detected_at BIGINT       NOT NULL,
    source      TEXT         NOT NULL,
    facts       LONGTEXT     NOT NULL,
    status      VARCHAR(16)  NOT NULL CHECK (status IN ('NEW', 'ACKNOWLEDGED', 'RESOLVED')),
    updated_at  BIGINT       NOT NULL,
    KEY alerts_newest (detected_at, alert_id),
    KEY alerts_order (order_no(64))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who took note of an alert or settled it, when, and in which words.
CREATE TABLE alert_audit (
    alert_id VARCHAR(191) NOT NULL,
    position BIGINT       NOT NULL,
    at       BIGINT       NOT NULL,
    actor    TEXT         NOT NULL,
    action   VARCHAR(32)  NOT NULL,
    note     TEXT,
    PRIMARY KEY (alert_id, position)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Alerts on their way to their topic; kept for a while after it, so that a replay does not send them again.
CREATE TABLE alert_outbox (
    alert_id     VARCHAR(191) NOT NULL PRIMARY KEY,
    message_key  TEXT         NOT NULL,
    data         LONGTEXT     NOT NULL,
    created_at   BIGINT       NOT NULL,
    published_at BIGINT,
    KEY alert_outbox_waiting (published_at, created_at, alert_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Events that could not be read, where no topic takes them.
CREATE TABLE alert_dead_letters (
    topic         VARCHAR(191) NOT NULL,
    part          BIGINT       NOT NULL,
    source_offset BIGINT       NOT NULL,
    event_id      TEXT,
    reason        TEXT         NOT NULL,
    data          LONGTEXT     NOT NULL,
    at            BIGINT       NOT NULL,
    PRIMARY KEY (topic, part, source_offset)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
