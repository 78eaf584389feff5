-- Epoch seconds at which the payment was completed: the refund window counts from here.
ALTER TABLE payments ADD COLUMN completed_at INTEGER;
UPDATE payments SET completed_at = accepted_at WHERE status IN ('COMPLETED', 'REFUNDED');
-- Epoch seconds at which a cancel made the payment fail.
ALTER TABLE payments ADD COLUMN canceled_at INTEGER;
-- Epoch seconds until which the merchant wants an authorization to last.
ALTER TABLE payments ADD COLUMN authorization_expiry INTEGER;
-- The one capture and the one reversal of an authorization, JSON.
ALTER TABLE payments ADD COLUMN capture TEXT;
ALTER TABLE payments ADD COLUMN revert TEXT;
ALTER TABLE payments DROP COLUMN capture_id;
-- Epoch seconds at which time alone changes the payment; null: never.
ALTER TABLE payments ADD COLUMN due_at INTEGER;
UPDATE payments SET due_at = authorized_until WHERE status = 'AUTHORIZED';
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;

-- A merchantRefundId names a refund of one payment; another payment's refund may have the same.
CREATE TABLE refunds_by_payment (
    merchant_refund_id TEXT NOT NULL,
    payment_id TEXT NOT NULL UNIQUE,
    -- Yen.
    amount INTEGER NOT NULL,
    reason TEXT,
    -- Epoch seconds.
    requested_at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL
) STRICT;
INSERT INTO refunds_by_payment
    SELECT merchant_refund_id, payment_id, amount, reason, requested_at, accepted_at FROM refunds ORDER BY rowid;
DROP TABLE refunds;
ALTER TABLE refunds_by_payment RENAME TO refunds;
CREATE INDEX refunds_by_name ON refunds (merchant_refund_id);
