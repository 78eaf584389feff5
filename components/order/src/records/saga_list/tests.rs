//! The list, the census and the archive on a real file: what they find, and by which index.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::records::testing;
use crate::records::{saga_archive, sagas};
use domain::OrderNo;
use futures::executor::block_on;
use serde_json::json;
use store::Database;
use store::testing::TestDatabase;

struct Shop(TestDatabase);

impl Shop {
    /// A saga for each phase in each hour, the first at 1000, and one order's, `K…`, that succeeded.
    fn with(phases: &[&str], hours: i64) -> Shop {
        let shop = Shop(testing::database());
        let order = order_no();
        shop.0.run(
            "INSERT INTO orders (order_no, user_id, status, payment_status, amount, balance_amount, pay_amount, version, created_at, updated_at)
             VALUES (?, 'u', 'PAID', 'NONE', 10, 0, 10, 1, 1, 1)",
            params![order.as_str()],
        );
        let add = |id: &str, phase: &str, order_no: Option<&str>, at: i64| {
            let instance = json!({"id": id, "machine": "m", "status": "RU", "context": {}, "states": [], "cursor": {"at": "ended"},
                                  "startedAt": at, "version": 1});
            shop.0.run(
                "INSERT INTO saga_instances (id, machine, business_key, order_no, phase, status, instance, created_at, updated_at, ended_at)
                 VALUES (?, 'm', ?, ?, ?, 'RU', ?, ?, ?, ?)",
                params![id, id, order_no, phase, instance.to_string(), at, at, at],
            );
        };
        add(order.as_str(), "SUCCEEDED", Some(order.as_str()), 1);
        for hour in 0..hours {
            for phase in phases {
                add(&format!("S-{hour}-{phase}"), phase, None, 1000 + hour);
            }
        }
        shop
    }

    fn open(&self) -> Database {
        self.0.open()
    }

    /// How SQLite goes about a statement, a line for each step; `None` on MySQL, where it is only run.
    fn plan(&self, sql: &str, values: Vec<Value>) -> Option<Vec<String>> {
        block_on(testing::plan(&self.open(), sql, values))
    }
}

fn order_no() -> OrderNo {
    OrderNo::generate(Instant::from_millis(1_795_000_000_000), 7)
}

fn ids(page: &[Listed]) -> Vec<&str> {
    page.iter().map(|listed| listed.instance.id.as_str()).collect()
}

/// Everything that a filter lets through, two at a time.
fn pages(shop: &Shop, filter: impl Fn() -> Filter) -> Vec<String> {
    let (db, mut all, mut after) = (shop.open(), Vec::new(), None);
    loop {
        let filter = Filter { after, ..filter() };
        let page = block_on(list(&db, &filter, 2)).unwrap();
        let Some(last) = page.last() else { return all };
        after = Some(last.place());
        all.extend(ids(&page).into_iter().map(str::to_owned));
    }
}

store::on_each_database! {
    fn what_needs_somebody_comes_first_and_pages_fit_together() {
        let shop = Shop::with(&["SUCCEEDED", "RECOVERING", "WAITING", "PARKED"], 3);
        let order = order_no();
        let all = pages(&shop, Filter::default);
        let expected = [
            "S-2-PARKED",
            "S-1-PARKED",
            "S-0-PARKED",
            "S-2-RECOVERING",
            "S-1-RECOVERING",
            "S-0-RECOVERING",
            "S-2-WAITING",
            "S-2-SUCCEEDED",
            "S-1-WAITING",
            "S-1-SUCCEEDED",
            "S-0-WAITING",
            "S-0-SUCCEEDED",
            order.as_str(),
        ];
        assert_eq!(all, expected);

        let of_phase = |phase: &str| {
            pages(&shop, || Filter {
                phase: Some(phase.to_owned()),
                ..Filter::default()
            })
        };
        assert_eq!(of_phase("WAITING"), ["S-2-WAITING", "S-1-WAITING", "S-0-WAITING"]);
        assert_eq!(of_phase("SUCCEEDED").len(), 4);
        let of_order = |order_no: &str| {
            pages(&shop, || Filter {
                order_no: Some(order_no.to_owned()),
                ..Filter::default()
            })
        };
        assert_eq!(of_order(order.as_str()), [order.as_str()]);
        // A saga's id is no order's number.
        assert!(of_order("S-0-WAITING").is_empty());
        let old = pages(&shop, || Filter {
            started_before: Some(Instant::from_millis(1000)),
            machine: Some("m".to_owned()),
            ..Filter::default()
        });
        assert_eq!(old.len(), 5, "{old:?}");
    }

    fn the_census_leaves_out_what_succeeded_and_the_count_does_not() {
        let shop = Shop::with(&["SUCCEEDED", "WAITING", "PARKED"], 3);
        let db = shop.open();
        let lines = block_on(census(&db)).unwrap();
        let lines: Vec<_> = lines
            .iter()
            .map(|line| (line.phase.as_str(), line.count, line.oldest.millis()))
            .collect();
        assert_eq!(lines, [("PARKED", 3, 1000), ("WAITING", 3, 1000)]);
        assert_eq!(block_on(count(&db)).unwrap(), 10);
    }

    fn a_key_is_looked_up_among_sagas_that_are_not_an_orders() {
        let shop = Shop::with(&["WAITING"], 1);
        let db = shop.open();
        let found = |key: &str| block_on(find_by_key(&db, "m", key)).unwrap().is_some();
        assert!(found("S-0-WAITING"));
        assert!(!found(order_no().as_str()));
    }

    fn the_archive_takes_what_ended_long_ago_the_first_first() {
        let shop = Shop::with(&["SUCCEEDED", "PARKED"], 3);
        let at = Instant::from_millis;
        let tx = block_on(shop.open().begin()).unwrap();
        assert_eq!(
            block_on(saga_archive::fill(&tx, at(1002), 2, at(9000))).unwrap(),
            2
        );
        assert_eq!(
            block_on(saga_archive::fill(&tx, at(1002), 9, at(9001))).unwrap(),
            1
        );
        let db = block_on(tx.commit()).unwrap();
        assert!(
            block_on(find(&db, order_no().as_str()))
                .unwrap()
                .unwrap()
                .archived
        );
        assert!(!block_on(find(&db, "S-2-SUCCEEDED")).unwrap().unwrap().archived);
    }

    fn an_order_is_hastened_by_its_number() {
        let shop = Shop::with(&[], 0);
        let order = order_no();
        shop.0.run("UPDATE saga_instances SET due_at = 900", params![]);
        let due = sagas::Due {
            at: Instant::from_millis(500),
            kind: sagas::DueKind::Poll,
        };
        let db = shop.open();
        block_on(sagas::hasten(&db, &order, due, Instant::from_millis(400))).unwrap();
        assert_eq!(
            block_on(sagas::next_due(&db)).unwrap(),
            Some(Instant::from_millis(500))
        );
    }

    /// Nothing here sorts, and nothing reads the table from end to end.
    fn every_question_is_answered_from_an_index() {
        let shop = Shop::with(&["SUCCEEDED", "WAITING", "PARKED"], 1);
        let place = |urgency| Place {
            urgency,
            created_at: Instant::from_millis(1000),
            id: "S".to_owned(),
        };
        let text = |text: &str| Some(text.to_owned());
        let asked = [
            (Filter::default(), 0, "saga_instances_phase"),
            (Filter::default(), 1, "saga_instances_phase"),
            (Filter::default(), 2, "saga_instances_time"),
            (
                Filter {
                    phase: text("PARKED"),
                    ..Filter::default()
                },
                0,
                "saga_instances_phase",
            ),
            (
                Filter {
                    phase: text("WAITING"),
                    ..Filter::default()
                },
                2,
                "saga_instances_phase",
            ),
            (
                Filter {
                    phase: text("RUNNING"),
                    machine: text("m"),
                    ..Filter::default()
                },
                2,
                "saga_instances_phase",
            ),
            (
                Filter {
                    phase: text("SUCCEEDED"),
                    ..Filter::default()
                },
                2,
                "saga_instances_time",
            ),
            (
                Filter {
                    machine: text("m"),
                    after: Some(place(2)),
                    ..Filter::default()
                },
                2,
                "saga_instances_time",
            ),
            (
                Filter {
                    after: Some(place(0)),
                    ..Filter::default()
                },
                0,
                "saga_instances_phase",
            ),
            (
                Filter {
                    started_before: Some(Instant::from_millis(9)),
                    ..Filter::default()
                },
                2,
                "saga_instances_time",
            ),
            (
                Filter {
                    order_no: text("K"),
                    ..Filter::default()
                },
                2,
                "sqlite_autoindex",
            ),
        ];
        for (filter, urgency, index) in asked {
            let (sql, values) = statement(&filter, urgency, 20);
            let Some(plan) = shop.plan(&sql, values) else {
                continue;
            };
            assert!(plan.len() == 1 && plan[0].contains(index), "{filter:?}: {plan:?}");
        }
        let key = format!("SELECT id FROM saga_instances WHERE {}", BY_KEY.text(shop.open().dialect()));
        for (sql, index) in [
            (CENSUS, "COVERING INDEX saga_instances_phase"),
            ("SELECT COUNT(*) FROM saga_instances", "COVERING INDEX"),
            (
                "SELECT MIN(due_at) FROM saga_instances WHERE due_at IS NOT NULL",
                "saga_instances_due",
            ),
            (&key, "saga_instances_key"),
        ] {
            let values = vec![Value::Null; sql.matches('?').count()];
            let Some(plan) = shop.plan(sql, values) else {
                continue;
            };
            assert!(plan[0].contains(index), "{sql}: {plan:?}");
        }
    }
}
