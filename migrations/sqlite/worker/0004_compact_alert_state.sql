-- What is known of an order, in a fifth of the bytes of `document`, which is empty then. A worker of an older version keeps its documents, and a newer one reads
-- them; given a partition that a newer one had, it waits until it is replaced.
ALTER TABLE alert_state ADD COLUMN state BLOB;

-- An order's number begins with its day, so what is old is found by the key; the index changed with each event, for a question that is asked seldom.
DROP INDEX alert_state_age;
