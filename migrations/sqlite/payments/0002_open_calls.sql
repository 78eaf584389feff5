-- How many requests for the code may have taken effect without an outcome on record. 0: PayPay has made no code. What was asked for before this column
-- existed counts as open.
ALTER TABLE payment_codes ADD COLUMN open_calls INTEGER NOT NULL DEFAULT 1 CHECK (open_calls >= 0);
