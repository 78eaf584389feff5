-- What an administrator looks for among payments: the newest, and those that ended otherwise than nearly all.
CREATE INDEX orders_by_time ON orders (created_at DESC, order_no DESC);
CREATE INDEX orders_not_kept ON orders (status, created_at DESC, order_no DESC) WHERE status IN ('FAILED', 'REFUNDED');
