//! What must hold when several connections want the same at once. On each database; only MySQL lets them really meet.

#![allow(clippy::unwrap_used)]

use crate::checkout::{self, Caller, NotStored};
use crate::mismatch::{self, Mismatch};
use crate::order::Order;
use crate::payment_events::{self, Taken};
use crate::records::inbox::Received;
use crate::records::sagas::{self, Due, DueKind, LEASE, LeaseError};
use crate::records::{orders, testing};
use crate::work::{Work, WorkError};
use domain::{FailCode, Instant};
use edge::RequestContext;
use futures::executor::block_on;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;
use store::params;
use store::testing::TestDatabase;

/// What each of `count` threads made of `what`, all begun at once.
fn at_once<T: Send>(count: usize, what: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (start, what) = (&start, &what);
        let begin = |index| {
            scope.spawn(move || {
                start.wait();
                what(index)
            })
        };
        let threads: Vec<_> = (0..count).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Stores an order with its saga as a checkout does.
fn place(db: &TestDatabase, order: &Order, key: &str) -> Result<(), NotStored> {
    let instance = testing::instance(order.order_no.as_str());
    let caller = Caller {
        user_id: "u",
        idempotency_key: key,
    };
    let ctx = RequestContext::internal();
    block_on(checkout::insert_new(
        db.open(),
        &ctx,
        caller,
        "hash",
        order,
        &[],
        &instance,
    ))
    .map(drop)
}

/// A stored order, whose lease is free and that is due at `due`.
fn placed(db: &TestDatabase, number: u64, due: i64) -> Order {
    let order = testing::order(number);
    place(db, &order, &number.to_string()).unwrap();
    db.run(
        "UPDATE saga_instances SET lease_until = 0, due_at = ? WHERE id = ?",
        params![due, order.order_no.as_str()],
    );
    order
}

/// Takes the order's lease as of `now`, as often as somebody else holds it.
fn work(db: &TestDatabase, order: &Order, now: Instant) -> Work {
    loop {
        let taken = block_on(sagas::acquire(&db.open(), order.order_no.as_str(), "w", now)).unwrap();
        if let Some(taken) = taken {
            let order = block_on(orders::find(&db.open(), &order.order_no)).unwrap();
            return Work::of(order.unwrap(), taken);
        }
        std::thread::yield_now();
    }
}

fn release(db: &TestDatabase, work: Work, seen: Option<Instant>) -> Result<Order, WorkError> {
    let ctx = RequestContext::internal();
    let seen = seen.map(|seen| (seen, "test"));
    block_on(work.release_to(db.open(), &ctx, None, seen, async |_, _, _| Ok(())))
}

fn webhook(db: &TestDatabase, order: &Order, dedupe_key: &str) -> Taken {
    let received = Received {
        dedupe_key,
        merchant_payment_id: order.merchant_payment_id.as_deref().unwrap(),
        state: "COMPLETED",
        amount: Some(1_200),
        payload: "{}".to_owned(),
    };
    let ctx = RequestContext::internal();
    block_on(payment_events::take_in(db.open(), &ctx, order, &received)).unwrap()
}

fn count(db: &TestDatabase, sql: &str) -> u64 {
    db.row(sql, params![]).get("n").unwrap()
}

store::on_each_database! {
    fn workers_at_once_take_each_due_saga_once() {
        let db = testing::database();
        let placed: BTreeSet<String> = (0..40)
            .map(|number| placed(&db, number, 1_000).order_no.as_str().to_owned())
            .collect();
        let now = Instant::from_millis(2_000);
        let claimed = at_once(4, |_| {
            let mut own = Vec::new();
            while block_on(sagas::next_due(&db.open())).unwrap().unwrap() <= now {
                let (_, some) = block_on(sagas::claim(db.open(), now, LEASE, 7)).unwrap();
                own.extend(some.into_iter().map(|(id, _)| id));
            }
            own
        })
        .concat();
        assert_eq!(claimed.len(), 40);
        assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), placed);
    }

    fn a_lease_is_taken_by_one_and_its_old_owner_writes_nothing() {
        let db = testing::database();
        let order = placed(&db, 1, 1_000);
        let id = order.order_no.as_str();
        let mut now = Instant::from_millis(2_000);
        let mut old = None;
        for round in 1..=6_i64 {
            let taken: Vec<_> = at_once(8, |_| block_on(sagas::acquire(&db.open(), id, "w", now)).unwrap())
                .into_iter()
                .flatten()
                .collect();
            let [own] = taken.as_slice() else {
                panic!("{} have the lease", taken.len());
            };
            let fence: i64 = db.row("SELECT fence FROM saga_instances", params![]).get("fence").unwrap();
            assert_eq!(fence, 1 + round);
            let save = |lease: &sagas::Lease| block_on(sagas::save(&db.open(), lease, &own.instance, now));
            save(&own.lease).unwrap();
            // In the same millisecond, so that nothing changes.
            save(&own.lease).unwrap();
            if let Some(old) = &old {
                assert!(matches!(save(old), Err(LeaseError::Lost(_))));
            }
            old = Some(own.lease.clone());
            now = now.plus(LEASE + Duration::from_millis(1));
        }
    }

    fn a_key_that_eight_use_at_once_makes_one_order() {
        let db = testing::database();
        for round in 0..5_u64 {
            let key = format!("key {round}");
            let outcomes = at_once(8, |index| {
                let number = round * 8 + u64::try_from(index).unwrap();
                place(&db, &testing::order(number), &key)
            });
            let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(stored, 1, "{outcomes:?}");
            let taken = |outcome: &Result<(), NotStored>| matches!(outcome, Ok(()) | Err(NotStored::KeyTaken));
            assert!(outcomes.iter().all(taken), "{outcomes:?}");
        }
        for table in ["orders", "saga_instances", "outbox", "timeline", "payment_attempts", "idempotency_keys"] {
            assert_eq!(count(&db, &format!("SELECT COUNT(*) AS n FROM {table}")), 5, "{table}");
        }
    }

    fn of_two_owners_that_settle_an_order_at_once_the_one_with_the_lease_does() {
        let db = testing::database();
        for number in 0..10 {
            let order = placed(&db, number, 1_000);
            db.run("UPDATE orders SET status = 'WAITING_PAYMENT' WHERE order_no = ?", params![order.order_no.as_str()]);
            let then = Instant::from_millis(2_000);
            let slow = work(&db, &order, then);
            let quick = work(&db, &order, then.plus(LEASE + Duration::from_millis(1)));
            let works = [slow, quick].map(|work| std::sync::Mutex::new(Some(work)));
            let outcomes = at_once(2, |index| {
                let mut work = works[index].lock().unwrap().take().unwrap();
                if index == 0 {
                    work.order.mark_failed(FailCode::PaymentExpired, then).unwrap();
                } else {
                    work.order.mark_paid(then).unwrap();
                }
                release(&db, work, None)
            });
            assert!(matches!(outcomes.as_slice(), [Err(WorkError::Busy), Ok(_)]), "{outcomes:?}");
            let stored = block_on(orders::find(&db.open(), &order.order_no)).unwrap().unwrap();
            assert_eq!((stored.status.as_str(), stored.version), ("PAID", 2));
        }
        assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM outbox"), 20);
        assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM timeline WHERE event = 'FAILED'"), 0);
    }

    fn of_payments_told_at_once_one_is_applied_and_the_others_are_kept() {
        let db = testing::database();
        let order = placed(&db, 1, 1_000);
        let works: usize = at_once(8, |index| match webhook(&db, &order, &format!("event {}", index % 4)) {
            Taken::Work(_) => 1,
            Taken::Busy => 0,
            Taken::Duplicate => panic!("nothing was applied yet"),
        })
        .into_iter()
        .sum();
        assert_eq!(works, 1);
        assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM inbox"), 4);
    }

    /// Whoever works on the order looks at the inbox last, and whoever stores a webhook looks for them: one of both must see the other.
    fn a_webhook_that_comes_as_the_lease_is_given_back_is_not_forgotten() {
        let db = testing::database();
        let mut busy = 0;
        for number in 0..30 {
            let order = placed(&db, number, 1_000);
            let own = std::sync::Mutex::new(Some(work(&db, &order, Instant::now())));
            let seen = Instant::now();
            let forgotten = at_once(2, |index| {
                if index == 0 {
                    let mut work = own.lock().unwrap().take().unwrap();
                    work.order.note("NOTE", "for a while".to_owned(), seen);
                    work.order.changes.settled.extend(order.merchant_payment_id.clone());
                    release(&db, work, Some(Instant::from_millis(0))).unwrap();
                    return false;
                }
                matches!(webhook(&db, &order, &format!("event {number}")), Taken::Busy)
            });
            if forgotten[1] {
                busy += 1;
                let kind = db.row("SELECT due_kind FROM saga_instances WHERE id = ? AND due_at IS NOT NULL", params![order.order_no.as_str()]);
                assert_eq!(kind.text("due_kind").unwrap(), "inbox");
            }
        }
        eprintln!("{busy} of 30 webhooks found the order busy");
    }

    fn an_orders_events_are_numbered_as_they_happened() {
        let db = testing::database();
        let all = [placed(&db, 1, 1_000), placed(&db, 2, 1_000)];
        at_once(6, |index| {
            let order = &all[index % 2];
            for round in 0..10 {
                if index >= 4 {
                    let ctx = RequestContext::internal();
                    let told = Mismatch::Amount(round);
                    block_on(mismatch::tell(db.open(), order, "m", &told, &ctx)).unwrap();
                    continue;
                }
                let mut work = work(&db, order, Instant::now());
                work.order.note("NOTE", format!("{index}, {round}"), Instant::now());
                release(&db, work, None).unwrap();
            }
        });
        for order in &all {
            let sql = "SELECT data FROM outbox WHERE `key` = ? AND topic = ? ORDER BY seq";
            let rows = block_on(db.open().query(sql, params![order.order_no.as_str(), domain::topic::ORDERS])).unwrap();
            let version = |row: &store::Row| row.json::<serde_json::Value>("data").unwrap()["version"].as_u64();
            let versions: Vec<_> = rows.iter().map(version).collect();
            assert_eq!(versions, (1..=21).map(Some).collect::<Vec<_>>());
        }
        assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM outbox WHERE id LIKE 'W:%'"), 2);
        let sql = "SELECT COUNT(*) AS n FROM timeline WHERE entry_no BETWEEN 1 AND 21";
        assert_eq!(count(&db, sql), 42);
    }

    fn an_archived_saga_comes_back_once() {
        let db = testing::database();
        let order = placed(&db, 1, 1_000);
        let id = order.order_no.as_str();
        db.run("UPDATE saga_instances SET phase = 'SUCCEEDED', ended_at = 5, created_at = 5, due_at = NULL", params![]);
        let archive = |now| {
            let fill = db.open().transact(async |tx| {
                crate::records::saga_archive::fill(tx, Instant::from_millis(10), 9, now).await
            });
            block_on(fill).map(|(_, moved)| moved).unwrap()
        };
        let moved: u64 = at_once(4, |_| archive(Instant::now())).into_iter().sum();
        assert_eq!(moved, 1);
        let taken = at_once(4, |_| block_on(crate::work::take_from(db.open(), id, "w")).map(drop));
        let owners = taken.iter().filter(|taken| taken.is_ok()).count();
        assert_eq!(owners, 1, "{taken:?}");
        assert!(taken.iter().all(|taken| matches!(taken, Ok(()) | Err(WorkError::Busy))), "{taken:?}");
        assert_eq!(count(&db, "SELECT COUNT(*) AS n FROM saga_archive"), 0);
    }
}

/// Kinds of work survive their column.
#[test]
fn each_kind_of_work_is_read_back() {
    for kind in [
        DueKind::Resume,
        DueKind::Poll,
        DueKind::Expire,
        DueKind::Inbox,
        DueKind::Saga,
    ] {
        let due = Due {
            at: Instant::from_millis(0),
            kind,
        };
        assert_eq!(due.kind.as_str().parse::<DueKind>().unwrap(), kind);
    }
}
