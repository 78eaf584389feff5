-- A request for a code whose answer was lost, or a code of an order that failed, may still be paid: it is watched until it cannot be any more.
ALTER TABLE payment_attempts ADD COLUMN watch_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payment_attempts ADD COLUMN settled_at INTEGER;   -- null: open; set when its payment was accepted, refunded, or can no longer come
UPDATE payment_attempts SET settled_at = created_at;
CREATE INDEX payment_attempts_open ON payment_attempts (order_no, watch_until) WHERE settled_at IS NULL;
CREATE INDEX payment_attempts_by_time ON payment_attempts (created_at, merchant_payment_id);
