//! The list on a real file: what it finds, and by which index.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::records::testing;
use futures::executor::block_on;
use store::Database;
use store::testing::TestDatabase;

fn at(hour: i64) -> Instant {
    Instant::from_millis(1_795_000_000_000 + hour * 3_600_000)
}

/// The order of an hour.
fn number(hour: i64) -> OrderNo {
    OrderNo::generate(at(hour), u64::try_from(hour).unwrap())
}

struct Shop(TestDatabase);

impl Shop {
    /// An order an hour, with these statuses.
    fn with(statuses: &[OrderStatus]) -> Shop {
        let shop = Shop(testing::database());
        for (hour, status) in (0..).zip(statuses) {
            let (name, millis) = (number(hour), at(hour).millis());
            shop.0.run(
                "INSERT INTO orders (order_no, user_id, status, payment_status, amount, balance_amount, pay_amount, version, created_at, updated_at)
                 VALUES (?, 'u', ?, 'NONE', 10, 0, 10, 1, ?, ?)",
                params![name.as_str(), status.as_str(), millis, millis],
            );
            let phase = match status {
                OrderStatus::Pending => "RUNNING",
                OrderStatus::WaitingPayment => "WAITING",
                OrderStatus::Failed => "COMPENSATED",
                _ => "SUCCEEDED",
            };
            shop.0.run(
                "INSERT INTO saga_instances (id, machine, order_no, phase, status, instance, created_at, updated_at)
                 VALUES (?, 'm', ?, ?, 'RU', '{}', ?, ?)",
                params![name.as_str(), name.as_str(), phase, millis, millis],
            );
            for attempt in 1..=2 {
                shop.0.run(
                    "INSERT INTO payment_attempts (merchant_payment_id, order_no, created_at) VALUES (?, ?, ?)",
                    params![number(hour).merchant_payment_id(attempt).as_str(), name.as_str(), millis],
                );
            }
        }
        shop
    }

    fn open(&self) -> Database {
        self.0.open()
    }

    /// Everything that a filter lets through, two at a time.
    fn all(&self, filter: &Filter) -> Vec<OrderNo> {
        let (db, mut all, mut filter) = (self.open(), Vec::new(), filter.clone());
        loop {
            let page = block_on(list(&db, &filter, 2)).unwrap();
            let Some(last) = page.last() else { return all };
            filter.after = Some((last.created_at, last.order_no.clone()));
            all.extend(page.into_iter().map(|order| order.order_no));
        }
    }

    /// How SQLite goes about a statement; `None` on MySQL, where it is only run.
    fn plan(&self, sql: &str, values: Vec<Value>) -> Option<String> {
        let steps = block_on(testing::plan(&self.open(), sql, values))?;
        Some(steps.join("; "))
    }
}

fn of_status(status: OrderStatus) -> Filter {
    Filter {
        status: Some(status),
        ..Filter::default()
    }
}

fn of_each_status() -> Shop {
    let twice: Vec<_> = OrderStatus::ALL.into_iter().chain(OrderStatus::ALL).collect();
    Shop::with(&twice)
}

store::on_each_database! {
    fn the_newest_come_first_and_pages_fit_together() {
        let shop = of_each_status();
        let newest_first: Vec<_> = (0..10).rev().map(number).collect();
        assert_eq!(shop.all(&Filter::default()), newest_first);
        for (hour, status) in (0..).zip(OrderStatus::ALL) {
            assert_eq!(
                shop.all(&of_status(status)),
                [number(hour + 5), number(hour)],
                "{status}"
            );
        }
    }

    fn an_order_is_found_by_its_number_and_by_its_time() {
        let shop = of_each_status();
        let one = Filter {
            order_no: Some(number(3)),
            ..Filter::default()
        };
        assert_eq!(shop.all(&one), [number(3)]);
        let both = Filter {
            order_no: Some(number(0)),
            ..of_status(OrderStatus::Failed)
        };
        assert!(shop.all(&both).is_empty());
        let between = Filter {
            from: Some(at(4)),
            to: Some(at(6)),
            ..Filter::default()
        };
        assert_eq!(shop.all(&between), [number(5), number(4)], "the end is not in it");
    }

    fn an_order_has_its_own_attempts_and_no_neighbours() {
        let shop = of_each_status();
        let asked = block_on(attempts(&shop.open(), &number(3))).unwrap();
        let ids: Vec<_> = asked
            .iter()
            .map(|asked| asked.merchant_payment_id.as_str())
            .collect();
        assert_eq!(
            ids,
            [1, 2].map(|attempt| number(3).merchant_payment_id(attempt).as_str().to_owned())
        );
    }

    /// Nothing reads a table from end to end. Only the few orders that have not ended are sorted.
    fn every_question_is_answered_from_an_index() {
        let shop = of_each_status();
        let later = |filter: Filter| Filter {
            after: Some((at(5), number(5))),
            from: Some(at(1)),
            to: Some(at(9)),
            ..filter
        };
        let one = Filter {
            order_no: Some(number(3)),
            ..of_status(OrderStatus::Paid)
        };
        for (filter, index, sorts) in [
            (Filter::default(), "orders_by_time", false),
            (of_status(OrderStatus::Paid), "orders_by_time", false),
            (of_status(OrderStatus::Failed), "orders_not_kept", false),
            (of_status(OrderStatus::Refunded), "orders_not_kept", false),
            (of_status(OrderStatus::Pending), "saga_instances_phase", true),
            (
                of_status(OrderStatus::WaitingPayment),
                "saga_instances_phase",
                true,
            ),
        ] {
            for filter in [filter.clone(), later(filter)] {
                let (sql, values) = statement(&filter, 20);
                let Some(plan) = shop.plan(&sql, values) else {
                    continue;
                };
                assert!(plan.contains(index), "{filter:?}: {plan}");
                assert_eq!(plan.contains("TEMP B-TREE"), sorts, "{filter:?}: {plan}");
            }
        }
        let (sql, values) = statement(&one, 20);
        if let Some(plan) = shop.plan(&sql, values) {
            assert!(plan.contains("(order_no=?)"), "{plan}");
        }
        if let Some(plan) = shop.plan(ATTEMPTS, params!["a", "b"]) {
            assert!(
                plan.contains("SEARCH payment_attempts USING PRIMARY KEY"),
                "{plan}"
            );
        }
    }
}
