#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use futures::executor::block_on;
use proptest::prelude::*;
use store::on_each_database;
use store::testing::{Migrations, TestDatabase};

use super::*;

const GIFT: i64 = 3000;

/// The ledger in a database of its own: the real schema, the real statements, no host.
struct Ledger(TestDatabase);

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!(
        "../../../../migrations/sqlite/accounts/0001_init.sql"
    )],
    mysql: &[include_str!(
        "../../../../migrations/mysql/accounts/0001_init.sql"
    )],
};

impl Ledger {
    fn new() -> Ledger {
        Ledger(TestDatabase::new(MIGRATIONS))
    }

    fn database(&self) -> Database {
        self.0.open()
    }

    fn open(&self, user: &str) -> Account {
        block_on(open(self.database(), user, async || Ok(GIFT))).unwrap()
    }

    fn debit(&self, step: &str, user: &str, amount: i64) -> Outcome {
        block_on(debit(self.database(), step, user, "o-1", amount))
    }

    fn credit(&self, step: &str, debit_step: &str, user: &str) -> Outcome {
        block_on(credit(self.database(), step, debit_step, user))
    }

    fn broken_accounts(&self) -> i64 {
        let row = self.0.row(
            "SELECT count(*) AS broken FROM accounts AS a WHERE balance < 0 OR balance <>
               (SELECT coalesce(sum(amount), 0) FROM entries AS e WHERE e.user_id = a.user_id)",
            params![],
        );
        row.get("broken").unwrap()
    }
}

fn invalid(outcome: &Outcome) -> bool {
    matches!(outcome, Err(StepError::Refused(Refusal::Invalid(_))))
}

on_each_database! {
fn a_new_account_gets_the_gift_once() {
    let ledger = Ledger::new();
    for _ in 0..2 {
        let account = ledger.open("mika");
        assert_eq!(account.balance, GIFT);
        assert_eq!(account.entries.len(), 1);
        assert_eq!(
            (account.entries[0].kind, account.entries[0].amount),
            (EntryKind::Welcome, GIFT)
        );
    }
}

fn many_first_sights_at_once_open_one_account() {
    let ledger = Ledger::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(ledger.open("mika").balance, GIFT));
        }
    });
    assert_eq!(ledger.open("mika").entries.len(), 1);
}

fn a_shop_without_a_gift_opens_empty_accounts() {
    let ledger = Ledger::new();
    let account = block_on(open(ledger.database(), "mika", async || Ok(0))).unwrap();
    assert_eq!(
        account,
        Account {
            balance: 0,
            entries: vec![]
        }
    );
}

fn an_account_that_exists_is_read_while_somebody_else_holds_the_writer_and_without_the_variable() {
    let ledger = Ledger::new();
    ledger.open("mika");
    let writer = block_on(ledger.database().begin()).unwrap();
    block_on(writer.execute("UPDATE accounts SET balance = 0", params![])).unwrap();
    let account = block_on(open(ledger.database(), "mika", async || {
        Err(OpenError::Welcome("asked".into()))
    }));
    assert_eq!(account.unwrap().balance, GIFT);
}

fn the_gift_is_a_whole_number_from_0_to_100000() {
    for (text, wanted) in [("0", Some(0)), (" 3000 ", Some(3000)), ("100000", Some(100_000))] {
        assert_eq!(parse_welcome(text).ok(), wanted);
    }
    for text in ["", "-1", "100001", "1.5", "many"] {
        assert!(parse_welcome(text).is_err(), "{text}");
    }
}

fn user_ids_have_1_to_128_characters() {
    let ledger = Ledger::new();
    for user in [String::new(), "x".repeat(129)] {
        let error = block_on(open(ledger.database(), &user, async || Ok(0))).unwrap_err();
        assert!(matches!(error, OpenError::UserId(_)));
    }
}

fn entries_are_the_newest_fifty_first() {
    let ledger = Ledger::new();
    ledger.open("mika");
    for n in 1..=60 {
        ledger.debit(&format!("d-{n}"), "mika", n).unwrap();
    }
    let account = ledger.open("mika");
    assert_eq!(account.entries.len(), 50);
    assert_eq!(
        (account.entries[0].amount, account.entries[49].amount),
        (-60, -11)
    );
    assert_eq!(account.entries[0].order_no.as_deref(), Some("o-1"));
}

fn a_debit_repeated_takes_once_and_a_credit_repeated_gives_once() {
    let ledger = Ledger::new();
    ledger.open("mika");
    assert_eq!(ledger.debit("d", "mika", 1000), Ok(2000));
    assert_eq!(ledger.debit("d", "mika", 1000), Ok(2000));
    assert_eq!(ledger.credit("c", "d", "mika"), Ok(3000));
    assert_eq!(ledger.debit("d2", "mika", 500), Ok(2500));
    assert_eq!(
        ledger.credit("c", "d", "mika"),
        Ok(3000),
        "what it was answered the first time"
    );
    assert_eq!(
        ledger.credit("c2", "d", "mika"),
        Ok(2500),
        "another step gives nothing more"
    );
    assert_eq!(ledger.open("mika").balance, 2500);
    assert_eq!(ledger.broken_accounts(), 0);
}

fn a_debit_beyond_the_balance_is_refused_for_ever() {
    let ledger = Ledger::new();
    ledger.open("mika");
    let refused = Err(StepError::Refused(Refusal::InsufficientBalance(GIFT)));
    assert_eq!(ledger.debit("d", "mika", GIFT + 1), refused);
    assert_eq!(ledger.debit("d2", "mika", 1), Ok(GIFT - 1));
    assert_eq!(ledger.debit("d", "mika", GIFT + 1), refused);
    assert_eq!(ledger.credit("c", "d", "mika"), Ok(GIFT - 1));
    assert_eq!(
        ledger.debit("d3", "nobody", 1),
        Err(StepError::Refused(Refusal::InsufficientBalance(0)))
    );
}

fn the_whole_balance_can_be_spent() {
    let ledger = Ledger::new();
    ledger.open("mika");
    assert_eq!(ledger.debit("d", "mika", GIFT), Ok(0));
}

fn a_credit_that_comes_first_blocks_the_debit() {
    let ledger = Ledger::new();
    ledger.open("mika");
    assert_eq!(ledger.credit("c", "d", "mika"), Ok(GIFT));
    assert_eq!(
        ledger.debit("d", "mika", 1),
        Err(StepError::Canceled { step: "d".to_owned() })
    );
    assert_eq!(ledger.open("mika").balance, GIFT);
}

fn amounts_outside_1_to_9999999_are_invalid() {
    let ledger = Ledger::new();
    ledger.open("mika");
    for amount in [0, -1, i64::MIN, 10_000_000, i64::MAX] {
        assert!(invalid(&ledger.debit("d", "mika", amount)), "{amount}");
    }
    assert!(!invalid(&ledger.debit("d", "mika", 9_999_999)));
}

fn a_step_id_used_with_other_arguments_changes_nothing() {
    let ledger = Ledger::new();
    ledger.open("mika");
    ledger.open("ken");
    ledger.debit("d", "mika", 100).unwrap();
    assert!(matches!(
        ledger.debit("d", "mika", 101),
        Err(StepError::Reused { .. })
    ));
    assert!(matches!(
        ledger.debit("d", "ken", 100),
        Err(StepError::Reused { .. })
    ));
    assert!(invalid(&ledger.credit("c", "d", "ken")), "another user's debit");
    assert_eq!(
        (ledger.open("mika").balance, ledger.open("ken").balance),
        (GIFT - 100, GIFT)
    );
}

fn debits_at_once_never_overdraw() {
    let ledger = Ledger::new();
    ledger.open("mika");
    let taken: usize = std::thread::scope(|scope| {
        let ledger = &ledger;
        let buyers: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || ledger.debit(&format!("d-{n}"), "mika", 1000)))
            .collect();
        buyers
            .into_iter()
            .filter_map(|buyer| buyer.join().unwrap().ok())
            .count()
    });
    assert_eq!(taken, 3);
    assert_eq!(ledger.open("mika").balance, 0);
}

/// Sixteen at once: two tries of each of six debits, four of a compensation of one of them.
fn debits_and_their_credits_at_once_count_once_and_never_overdraw() {
    let ledger = Ledger::new();
    let outcomes: Vec<(u32, Outcome)> = std::thread::scope(|scope| {
        let ledger = &ledger;
        let calls: Vec<_> = (0..16_u32)
            .map(|n| {
                scope.spawn(move || {
                    ledger.open("mika");
                    match n {
                        0..12 => (n % 6, ledger.debit(&format!("d-{}", n % 6), "mika", 1000)),
                        _ => (6, ledger.credit("c-0", "d-0", "mika")),
                    }
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for (step, outcome) in &outcomes {
        assert!(!matches!(outcome, Err(StepError::Store(_))), "{outcome:?}");
        for (_, other) in outcomes.iter().filter(|(other, _)| other == step) {
            assert_eq!(outcome, other, "step {step}");
        }
    }
    assert_eq!(ledger.broken_accounts(), 0);
    // What the first step took, if it did, is back.
    let taken = (1..6).filter(|n| outcomes.iter().any(|(step, outcome)| step == n && outcome.is_ok()));
    assert_eq!(ledger.open("mika").balance, GIFT - 1000 * i64::try_from(taken.count()).unwrap());
}
}

on_each_database! {
/// Debits and credits of a few steps in any order, however often: the balance adds up, a step says the same thing for ever,
/// and once everything is credited the buyer has what she had.
fn any_interleaving_keeps_the_balance_right_and_outcomes_stable() {
    let config = ProptestConfig { cases: 32, ..ProptestConfig::default() };
    proptest!(config, |(calls in prop::collection::vec((0_i64..6, any::<bool>()), 1..40))| {
        let ledger = Ledger::new();
        ledger.open("mika");
        let mut first: BTreeMap<(i64, bool), Outcome> = BTreeMap::new();
        let call = |n: i64, is_debit| {
            let (d, c) = (format!("d-{n}"), format!("c-{n}"));
            if is_debit { ledger.debit(&d, "mika", 400 + 300 * n) } else { ledger.credit(&c, &d, "mika") }
        };
        for (n, is_debit) in calls {
            let outcome = call(n, is_debit);
            prop_assert_eq!(ledger.broken_accounts(), 0);
            let before = first.entry((n, is_debit)).or_insert_with(|| outcome.clone());
            prop_assert_eq!(&*before, &outcome, "{} {}", if is_debit { "debit" } else { "credit" }, n);
        }
        for n in 0..6 {
            call(n, false).unwrap();
        }
        prop_assert_eq!(ledger.open("mika").balance, GIFT);
    });
}
}
