//! The invariants, each as the query for what breaks it: rows of subject and detail. `?1` is now, epoch milliseconds; queries that do not need it
//! say `?1 > 0`, because SQLite refuses a value that nothing asks for.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Always,
    /// Only where the bundled sandbox plays PayPay.
    Sandbox,
}

pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    pub(crate) broken_by: &'static str,
}

/// Orders for which nothing is due and nothing is stored unapplied: what is to happen has happened. A final saga may be due in the end for the sake of a
/// payment that may still come. Sagas: the living and the archived ones.
pub(crate) const RESTING: &str = "
    CREATE TEMP VIEW resting AS
    SELECT * FROM orders.orders AS o
    WHERE o.refund_request IS NULL
      AND NOT EXISTS (SELECT 1 FROM orders.saga_instances AS s WHERE s.id = o.order_no AND s.due_at IS NOT NULL
                        AND (s.phase NOT IN ('SUCCEEDED', 'FAILED', 'COMPENSATED') OR s.due_at < unixepoch() * 1000 + 60000))
      AND NOT EXISTS (SELECT 1 FROM orders.inbox AS i WHERE i.order_no = o.order_no AND i.applied_at IS NULL);
    CREATE TEMP VIEW sagas AS
    SELECT id, order_no, business_key, phase, status, compensation_status FROM orders.saga_instances
    UNION ALL SELECT id, order_no, business_key, phase, status, compensation_status FROM orders.saga_archive;
    CREATE TEMP VIEW saga_reservations AS
    SELECT r.*, s.id AS saga_id, s.phase
    FROM inventory.reservations AS r JOIN sagas AS s
      ON s.order_no IS NULL AND substr(r.order_no, 1, length(s.business_key) + 1) = s.business_key || '/';
    CREATE TEMP VIEW wanted AS
    SELECT order_no, product_id, sum(quantity) AS quantity FROM orders.order_lines GROUP BY order_no, product_id;
    CREATE TEMP VIEW spent AS
    SELECT o.order_no, coalesce(-(SELECT sum(e.amount) FROM accounts.entries AS e WHERE e.order_no = o.order_no), 0) AS yen
    FROM orders.orders AS o;
";

const fn always(name: &'static str, broken_by: &'static str) -> Rule {
    Rule {
        name,
        scope: Scope::Always,
        broken_by,
    }
}

const fn sandbox(name: &'static str, broken_by: &'static str) -> Rule {
    Rule {
        name,
        scope: Scope::Sandbox,
        broken_by,
    }
}

pub(crate) const RULES: &[Rule] = &[
    // --- orders ---
    always(
        "every order costs what its lines add up to",
        "SELECT o.order_no, 'amount ' || o.amount || ', lines ' || coalesce(sum(l.unit_price * l.quantity), 0)
         FROM orders.orders AS o LEFT JOIN orders.order_lines AS l USING (order_no)
         WHERE ?1 > 0 GROUP BY o.order_no
         HAVING count(l.line_no) = 0 OR o.amount <> sum(l.unit_price * l.quantity)",
    ),
    always(
        "FAILED orders, and only they, say why",
        "SELECT order_no, status || ' with fail code ' || coalesce(fail_code, 'none')
         FROM orders.orders WHERE ?1 > 0 AND (status = 'FAILED') <> (fail_code IS NOT NULL)",
    ),
    // --- stock ---
    always(
        "stock = initial - confirmed - reserved, never negative",
        "SELECT 'product ' || product_id,
                'initial ' || initial || ', on hand ' || on_hand || ' (confirmed ' || confirmed || '), reserved ' || reserved
                  || ' (by orders ' || held || ')'
         FROM (SELECT s.*,
                 coalesce(sum(r.quantity) FILTER (WHERE r.state = 'CONFIRMED'), 0) AS confirmed,
                 coalesce(sum(r.quantity) FILTER (WHERE r.state = 'RESERVED'), 0) AS held
               FROM inventory.stock AS s LEFT JOIN inventory.reservations AS r USING (product_id) GROUP BY s.product_id)
         WHERE ?1 > 0 AND (on_hand <> initial - confirmed OR reserved <> held OR on_hand < reserved OR reserved < 0)",
    ),
    always(
        // A saga that is no order's reserves under its business key, a slash and a name of its own.
        "every reservation is of a product and an order or a saga that exist",
        "SELECT r.order_no, r.quantity || ' of product ' || r.product_id || ' ' || r.state
         FROM inventory.reservations AS r
         WHERE ?1 > 0 AND ((NOT EXISTS (SELECT 1 FROM orders.orders AS o WHERE o.order_no = r.order_no)
               AND NOT EXISTS (SELECT 1 FROM saga_reservations AS s WHERE s.order_no = r.order_no))
            OR NOT EXISTS (SELECT 1 FROM inventory.stock AS s WHERE s.product_id = r.product_id))",
    ),
    always(
        "every PAID order has the stock of its lines confirmed",
        "SELECT o.order_no, 'product ' || w.product_id || ': ordered ' || w.quantity || ', '
                  || coalesce(r.state || ' ' || r.quantity, 'not reserved')
         FROM orders.orders AS o JOIN wanted AS w USING (order_no)
              LEFT JOIN inventory.reservations AS r ON r.order_no = o.order_no AND r.product_id = w.product_id
         WHERE ?1 > 0 AND o.status = 'PAID'
           AND (r.state IS NULL OR r.state <> 'CONFIRMED' OR r.quantity <> w.quantity)
           AND o.refund_request IS NULL",
    ),
    always(
        "no FAILED order holds stock",
        "SELECT o.order_no, 'product ' || r.product_id || ': ' || r.state || ' ' || r.quantity
         FROM orders.orders AS o JOIN inventory.reservations AS r USING (order_no)
         WHERE ?1 > 0 AND o.status = 'FAILED' AND r.state IN ('RESERVED', 'CONFIRMED')",
    ),
    always(
        "no saga that was undone holds stock",
        "SELECT saga_id, phase || ', ' || order_no || ' product ' || product_id || ': ' || state || ' ' || quantity
         FROM saga_reservations WHERE ?1 > 0 AND phase IN ('FAILED', 'COMPENSATED') AND state IN ('RESERVED', 'CONFIRMED')",
    ),
    always(
        "a REFUNDED order's stock is sold or put back",
        "SELECT o.order_no, 'product ' || r.product_id || ': ' || r.state || ' ' || r.quantity
         FROM orders.orders AS o JOIN inventory.reservations AS r USING (order_no)
         WHERE ?1 > 0 AND o.status = 'REFUNDED' AND r.state NOT IN ('CONFIRMED', 'RESTOCKED')",
    ),
    // --- balances ---
    always(
        "every balance is the sum of its entries, never negative",
        "SELECT a.user_id, 'balance ' || a.balance || ', entries ' || coalesce(sum(e.amount), 0)
         FROM accounts.accounts AS a LEFT JOIN accounts.entries AS e USING (user_id)
         WHERE ?1 > 0 GROUP BY a.user_id HAVING a.balance <> coalesce(sum(e.amount), 0) OR a.balance < 0",
    ),
    always(
        "every PAID order took exactly its part of the balance",
        "SELECT o.order_no, 'to take ' || o.balance_amount || ', taken ' || s.yen
         FROM orders.orders AS o JOIN spent AS s USING (order_no)
         WHERE ?1 > 0 AND o.status = 'PAID' AND o.refund_request IS NULL AND s.yen <> o.balance_amount",
    ),
    always(
        "no FAILED or REFUNDED order keeps anything of the balance",
        "SELECT o.order_no, o.status || ', still taken ' || s.yen
         FROM orders.orders AS o JOIN spent AS s USING (order_no)
         WHERE ?1 > 0 AND o.status IN ('FAILED', 'REFUNDED') AND s.yen <> 0",
    ),
    always(
        "every entry for an order is of an order and its buyer",
        "SELECT e.user_id, e.kind || ' ' || e.amount || ' for ' || e.order_no
         FROM accounts.entries AS e
         WHERE ?1 > 0 AND e.order_no IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM orders.orders AS o WHERE o.order_no = e.order_no AND o.user_id = e.user_id)",
    ),
    // --- payments, as the shop knows them ---
    always(
        "every PAID order knows its completed payment",
        "SELECT order_no, 'to pay ' || pay_amount || ', payment ' || payment_status || ' ' || coalesce(payment_id, 'without id')
         FROM orders.orders WHERE ?1 > 0 AND status = 'PAID' AND pay_amount > 0 AND refund_request IS NULL
           AND (payment_status <> 'COMPLETED' OR payment_id IS NULL OR merchant_payment_id IS NULL)",
    ),
    always(
        "the payment's books hold exactly one completed payment of its amount for every PAID order",
        "SELECT o.order_no, 'to pay ' || o.pay_amount || ', completed ' || count(c.status) || ' of ' || coalesce(sum(c.amount), 0) || ' yen'
         FROM orders.orders AS o
              LEFT JOIN payments.payment_codes AS c ON c.order_no = o.order_no AND c.status = 'COMPLETED'
                AND NOT EXISTS (SELECT 1 FROM payments.refunds AS r WHERE r.merchant_payment_id = c.merchant_payment_id)
         WHERE ?1 > 0 AND o.status = 'PAID' AND o.refund_request IS NULL
         GROUP BY o.order_no HAVING count(c.status) <> (o.pay_amount > 0) OR coalesce(sum(c.amount), 0) <> o.pay_amount",
    ),
    always(
        // The gateway refunds all that was paid or nothing, and what was paid may be another amount than what was asked for, which stands here.
        "the payment's books hold no unrefunded payment of a FAILED or REFUNDED order",
        "SELECT o.order_no, o.status || ', ' || c.status || ' ' || c.amount || ' yen as ' || c.merchant_payment_id
         FROM resting AS o JOIN payments.payment_codes AS c USING (order_no)
         WHERE ?1 > 0 AND o.status IN ('FAILED', 'REFUNDED') AND c.status = 'COMPLETED'
           AND NOT EXISTS (SELECT 1 FROM payments.refunds AS r WHERE r.merchant_payment_id = c.merchant_payment_id)",
    ),
    // --- payments, as PayPay knows them ---
    sandbox(
        "PayPay has exactly one completed payment of its amount for every PAID order",
        "SELECT o.order_no, 'to pay ' || o.pay_amount || ', completed ' || count(p.status) || ' of ' || coalesce(sum(p.amount), 0) || ' yen'
         FROM orders.orders AS o
              LEFT JOIN orders.payment_attempts AS t USING (order_no)
              LEFT JOIN sandbox.payments AS p
                ON p.merchant_payment_id = t.merchant_payment_id AND p.status IN ('COMPLETED', 'AUTHORIZED', 'REAUTHORIZING')
         WHERE ?1 > 0 AND o.status = 'PAID' AND o.refund_request IS NULL
         GROUP BY o.order_no
         HAVING count(p.status) <> (o.pay_amount > 0) OR coalesce(sum(p.amount), 0) <> o.pay_amount
           OR coalesce(max(p.status), 'COMPLETED') <> 'COMPLETED'",
    ),
    sandbox(
        "PayPay keeps no money for a FAILED or REFUNDED order",
        "SELECT o.order_no, o.status || ', ' || p.status || ' ' || p.amount || ' yen as ' || p.merchant_payment_id
         FROM resting AS o JOIN orders.payment_attempts AS t USING (order_no)
              JOIN sandbox.payments AS p ON p.merchant_payment_id = t.merchant_payment_id
         WHERE ?1 > 0 AND o.status IN ('FAILED', 'REFUNDED') AND p.status IN ('COMPLETED', 'AUTHORIZED', 'REAUTHORIZING')",
    ),
    sandbox(
        "PayPay gave back what a REFUNDED order paid",
        "SELECT o.order_no, 'paid ' || o.pay_amount || ', refunded ' || coalesce(sum(r.amount), 0)
         FROM resting AS o
              LEFT JOIN orders.payment_attempts AS t USING (order_no)
              LEFT JOIN sandbox.payments AS p ON p.merchant_payment_id = t.merchant_payment_id
              LEFT JOIN sandbox.refunds AS r ON r.payment_id = p.payment_id
         WHERE ?1 > 0 AND o.status = 'REFUNDED' GROUP BY o.order_no HAVING coalesce(sum(r.amount), 0) <> o.pay_amount",
    ),
    sandbox(
        "PayPay has no paid payment that no order knows",
        "SELECT p.merchant_payment_id, p.status || ' ' || p.amount || ' yen' FROM sandbox.payments AS p
         WHERE ?1 > 0 AND p.status IN ('COMPLETED', 'AUTHORIZED', 'REAUTHORIZING') AND NOT EXISTS
           (SELECT 1 FROM orders.payment_attempts AS t WHERE t.merchant_payment_id = p.merchant_payment_id)",
    ),
    // --- sagas ---
    always(
        "every order has its saga, and both agree on the end",
        "SELECT o.order_no, o.status || ', saga ' || coalesce(s.status || '/' || coalesce(s.compensation_status, '-'), 'missing')
         FROM orders.orders AS o LEFT JOIN sagas AS s ON s.id = o.order_no
         WHERE ?1 > 0 AND (s.id IS NULL
            OR (o.status IN ('PENDING', 'WAITING_PAYMENT') AND s.status <> 'RU')
            OR (o.status IN ('PAID', 'REFUNDED') AND s.status <> 'SU')
            OR (o.status = 'FAILED' AND s.status NOT IN ('FA', 'UN')))",
    ),
    always(
        // A minute for the deadline's own work; ten for an order that never got as far as a deadline. Other sagas that are given up, or that
        // nobody would come for, have none left to wait for.
        "no saga is unfinished past its deadline",
        "SELECT o.order_no, o.status || ', due ' || ((?1 - coalesce(o.expires_at, o.created_at)) / 1000) || ' s ago'
         FROM orders.orders AS o
         WHERE o.status IN ('PENDING', 'WAITING_PAYMENT') AND ?1 > coalesce(o.expires_at + 60000, o.created_at + 600000)
         UNION ALL
         SELECT id, 'PARKED: it waits for an operator' FROM orders.saga_instances WHERE order_no IS NULL AND phase = 'PARKED'
         UNION ALL
         SELECT id, phase || ', and nothing will ever be due' FROM orders.saga_instances
         WHERE due_at IS NULL AND phase IN ('RUNNING', 'RETRYING', 'COMPENSATING', 'RECOVERING')",
    ),
    always(
        "no work is left lying for more than ten minutes",
        "SELECT id, due_kind || ' due ' || ((?1 - due_at) / 1000) || ' s ago, failed ' || failures || ' times'
         FROM orders.saga_instances WHERE due_at < ?1 - 600000",
    ),
    // --- events ---
    always(
        // Delivered events are deleted a week after their commit.
        "the outbox holds each version of every order once",
        "SELECT o.order_no, 'version ' || o.version || ', events ' || count(b.seq) || ', newest ' || coalesce(max(b.version), 'none')
         FROM orders.orders AS o
              LEFT JOIN (SELECT seq, key, CAST(data ->> 'version' AS INTEGER) AS version
                         FROM orders.outbox WHERE type = 'OrderStatusChanged') AS b ON b.key = o.order_no
         WHERE o.created_at > ?1 - 604800000 GROUP BY o.order_no
         HAVING count(b.seq) <> o.version OR count(DISTINCT b.version) <> o.version OR coalesce(max(b.version), 0) <> o.version",
    ),
    always(
        "no log is ahead of the outbox",
        "SELECT p.log, 'at ' || p.seq || ', the outbox ends at ' || coalesce(e.seq, 0)
         FROM worker.relay_positions AS p LEFT JOIN (SELECT seq FROM orders.sqlite_sequence WHERE name = 'outbox') AS e
         WHERE ?1 > 0 AND p.seq > coalesce(e.seq, 0)",
    ),
];
