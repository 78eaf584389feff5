//! The barrier on real databases, with a table `purse` that steps take from.

#![allow(clippy::unwrap_used)]

use futures::executor::block_on;

use super::*;
use crate::on_each_database;
use crate::testing::{Migrations, TestDatabase};
use crate::{Sql, params};

type Refusal = String;

/// A database of its own for each test, removed at the end.
struct File(TestDatabase);

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        "CREATE TABLE step_barrier (step_id TEXT PRIMARY KEY, action TEXT NOT NULL,
           request_hash TEXT NOT NULL, outcome TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE purse (owner TEXT PRIMARY KEY, yen INTEGER NOT NULL CHECK (yen >= 0));
         CREATE TABLE receipt (owner TEXT PRIMARY KEY);
         INSERT INTO purse VALUES ('mika', 1000);",
    ],
    mysql: &[
        "CREATE TABLE step_barrier (step_id VARCHAR(128) PRIMARY KEY, action VARCHAR(64) NOT NULL,
           request_hash VARCHAR(64) NOT NULL, outcome LONGTEXT NOT NULL, created_at BIGINT NOT NULL)
           DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
         CREATE TABLE purse (owner VARCHAR(64) PRIMARY KEY, yen BIGINT NOT NULL CHECK (yen >= 0));
         CREATE TABLE receipt (owner VARCHAR(64) PRIMARY KEY);
         INSERT INTO purse VALUES ('mika', 1000);",
    ],
};

impl File {
    fn new() -> File {
        File(TestDatabase::new(MIGRATIONS))
    }

    fn open(&self) -> Database {
        self.0.open()
    }

    fn yen(&self) -> i64 {
        let row = self.0.row("SELECT yen FROM purse", params![]);
        row.get("yen").unwrap()
    }

    fn steps(&self) -> i64 {
        let row = self.0.row("SELECT count(*) AS n FROM step_barrier", params![]);
        row.get("n").unwrap()
    }
}

fn step(id: &str, action: &'static str, yen: i64) -> Step {
    Step::new(id, action, &yen).unwrap()
}

/// Takes first and looks afterwards, so that a refusal has something to undo.
fn take(file: &File, id: &str, yen: i64) -> Result<i64, StepError<Refusal>> {
    block_on(run_action(file.open(), &step(id, "take", yen), async |tx| {
        let sql = Sql {
            sqlite: "UPDATE purse SET yen = max(yen - ?, 0) WHERE yen > 0",
            mysql: "UPDATE purse SET yen = greatest(yen - ?, 0) WHERE yen > 0",
        };
        if tx.execute(sql, params![yen]).await? == 0 {
            return Err(Stop::Refused("empty".to_owned()));
        }
        let sql = format!("SELECT yen FROM purse{}", tx.dialect().for_update());
        let left: i64 = tx.query_one(&sql, params![]).await?.get("yen")?;
        if left == 0 {
            Err(Stop::Refused(format!("not more than {yen}")))
        } else {
            Ok(left)
        }
    }))
}

fn give_back(file: &File, id: &str, take: &str, yen: i64) -> Result<i64, StepError<Refusal>> {
    let action = Step::of_unknown_arguments(take, "take").unwrap();
    block_on(run_compensation(
        file.open(),
        &step(id, "give back", 0),
        &action,
        async |tx, prior| match prior {
            Prior::Nothing => Ok(0),
            Prior::Done(left) => {
                let _: i64 = left;
                tx.execute("UPDATE purse SET yen = yen + ?", params![yen]).await?;
                Ok(yen)
            }
        },
    ))
}

on_each_database! {
fn a_repeat_changes_nothing_and_returns_the_first_outcome() {
    let file = File::new();
    assert_eq!(take(&file, "s-1", 300), Ok(700));
    assert_eq!(take(&file, "s-2", 300), Ok(400));
    assert_eq!(take(&file, "s-1", 300), Ok(700));
    assert_eq!(file.yen(), 400);
    assert_eq!(file.steps(), 2);
}

fn a_refusal_is_undone_recorded_and_repeated() {
    let file = File::new();
    let refused = Err(StepError::Refused("not more than 5000".to_owned()));
    assert_eq!(take(&file, "s-1", 5000), refused);
    assert_eq!(file.yen(), 1000, "what the refused step wrote is undone");
    block_on(file.open().execute("UPDATE purse SET yen = 9000", params![])).unwrap();
    assert_eq!(take(&file, "s-1", 5000), refused, "although it would succeed now");
    assert_eq!(file.yen(), 9000);
}

fn a_step_id_stands_for_one_action_with_one_set_of_arguments() {
    let file = File::new();
    assert_eq!(take(&file, "s-1", 300), Ok(700));
    assert!(matches!(take(&file, "s-1", 301), Err(StepError::Reused { .. })));
    assert!(matches!(
        give_back(&file, "s-1", "s-0", 300),
        Err(StepError::Reused { .. })
    ));
    assert_eq!(file.yen(), 700);
    assert_eq!(
        take(&file, "s-0", 1),
        Ok(699),
        "the refused compensation canceled nothing"
    );
}

fn a_compensation_sees_the_actions_outcome_and_happens_once() {
    let file = File::new();
    assert_eq!(take(&file, "s-1", 300), Ok(700));
    assert_eq!(give_back(&file, "s-2", "s-1", 300), Ok(300));
    assert_eq!(give_back(&file, "s-2", "s-1", 300), Ok(300));
    assert_eq!(file.yen(), 1000);
}

fn a_compensation_that_comes_first_blocks_the_action_for_good() {
    let file = File::new();
    assert_eq!(give_back(&file, "s-2", "s-1", 300), Ok(0));
    for _ in 0..2 {
        assert_eq!(
            take(&file, "s-1", 300),
            Err(StepError::Canceled {
                step: "s-1".to_owned()
            })
        );
        assert_eq!(give_back(&file, "s-2", "s-1", 300), Ok(0));
    }
    assert_eq!(file.yen(), 1000);
}

fn a_compensation_of_a_refused_action_has_nothing_to_do() {
    let file = File::new();
    assert!(matches!(take(&file, "s-1", 5000), Err(StepError::Refused(_))));
    assert_eq!(give_back(&file, "s-2", "s-1", 5000), Ok(0));
    assert_eq!(file.yen(), 1000);
}

fn a_repeat_that_breaks_a_rule_of_the_schema_still_gets_the_recorded_outcome() {
    let file = File::new();
    let buy = || {
        block_on(run_action(file.open(), &step("s-1", "buy", 0), async |tx| {
            tx.execute("INSERT INTO receipt VALUES ('mika')", params![])
                .await?;
            Ok::<_, Stop<Refusal>>("bought".to_owned())
        }))
    };
    assert_eq!(buy(), Ok("bought".to_owned()));
    assert_eq!(buy(), Ok("bought".to_owned()));
}

fn a_broken_rule_in_a_first_try_is_an_error_and_not_recorded() {
    let file = File::new();
    let broken: Result<(), StepError<Refusal>> =
        block_on(run_action(file.open(), &step("s-1", "take", 5000), async |tx| {
            tx.execute("UPDATE purse SET yen = yen - 5000", params![]).await?;
            Ok(())
        }));
    assert!(
        matches!(broken, Err(StepError::Store(StoreError::Constraint { .. }))),
        "{broken:?}"
    );
    assert_eq!(file.steps(), 0);
}

fn a_compensation_may_not_refuse_after_it_has_written() {
    let file = File::new();
    let action = Step::of_unknown_arguments("s-1", "take").unwrap();
    let result: Result<(), StepError<Refusal>> = block_on(run_compensation(
        file.open(),
        &step("s-2", "give back", 0),
        &action,
        async |tx, _: Prior<i64>| {
            tx.execute("UPDATE purse SET yen = 0", params![]).await?;
            Err(Stop::Refused("too late".to_owned()))
        },
    ));
    assert!(matches!(
        result,
        Err(StepError::Store(StoreError::TransactionEnded { .. }))
    ));
    assert_eq!((file.yen(), file.steps()), (1000, 0));
}

fn a_recorded_outcome_can_be_looked_up_without_running() {
    let file = File::new();
    let look = |id, yen| block_on(recorded::<i64, Refusal>(&file.open(), &step(id, "take", yen)));
    assert_eq!(look("s-1", 300), Ok(None));
    take(&file, "s-1", 300).unwrap();
    assert_eq!(look("s-1", 300), Ok(Some(700)));
    assert!(matches!(look("s-1", 1), Err(StepError::Reused { .. })));
}

fn many_tries_of_one_step_at_once_take_effect_once() {
    let file = File::new();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| take(&file, "s-1", 300))).collect();
        tries.into_iter().map(|each| each.join().unwrap()).collect()
    });
    assert_eq!(outcomes, vec![Ok(700); 8]);
    assert_eq!(file.yen(), 700);
}

fn a_dropped_transaction_leaves_nothing_and_frees_the_writer() {
    let file = File::new();
    block_on(async {
        let tx = file.open().begin().await.unwrap();
        tx.execute("UPDATE purse SET yen = 1", params![]).await.unwrap();
        drop(tx);
        let tx = file.open().begin().await.unwrap();
        assert_eq!(
            tx.query_one("SELECT yen FROM purse", params![])
                .await
                .unwrap()
                .get::<i64>("yen")
                .unwrap(),
            1000
        );
        tx.execute("UPDATE purse SET yen = 2", params![]).await.unwrap();
        let database = tx.rollback().await.unwrap();
        assert_eq!(
            database
                .execute("UPDATE purse SET yen = yen + 1", params![])
                .await
                .unwrap(),
            1
        );
    });
    assert_eq!(file.yen(), 1001);
}

fn after_a_failure_that_may_have_ended_it_a_transaction_takes_no_more_statements() {
    let file = File::new();
    block_on(async {
        let tx = file.open().begin().await.unwrap();
        assert!(matches!(
            tx.execute("UPDATE absent SET yen = 1", params![]).await,
            Err(StoreError::Unavailable { .. })
        ));
        assert!(matches!(
            tx.execute("UPDATE purse SET yen = 1", params![]).await,
            Err(StoreError::TransactionEnded { .. })
        ));
        assert!(matches!(
            tx.commit().await,
            Err(StoreError::TransactionEnded { .. })
        ));
    });
    assert_eq!(file.yen(), 1000);
}

fn tries_of_steps_and_their_compensations_at_once_take_effect_once_or_not_at_all() {
    let file = File::new();
    std::thread::scope(|scope| {
        for n in 0..16 {
            let file = &file;
            scope.spawn(move || {
                // Four tries of each of two steps, four of each one's compensation.
                let id = n % 2;
                if n < 8 {
                    let outcome = take(file, &format!("s-{id}"), 300);
                    assert!(!matches!(outcome, Err(StepError::Store(_))), "{outcome:?}");
                } else {
                    give_back(file, &format!("b-{id}"), &format!("s-{id}"), 300).unwrap();
                }
            });
        }
    });
    assert_eq!(file.yen(), 1000);
    assert_eq!(file.steps(), 4);
}

fn transactions_that_meet_in_a_circle_are_done_again() {
    let file = File::new();
    file.0.run("INSERT INTO purse VALUES ('ken', 1000)", params![]);
    let move_yen = |from: &str, to: &str| {
        let moved = file.open().transact(async |tx| {
            for (owner, change) in [(from, -1), (to, 1)] {
                let sql = "UPDATE purse SET yen = yen + ? WHERE owner = ?";
                tx.run(sql, params![change, owner]).await?;
            }
            Ok::<_, StoreError>(())
        });
        block_on(moved).unwrap();
    };
    std::thread::scope(|scope| {
        for n in 0..8 {
            let move_yen = &move_yen;
            scope.spawn(move || {
                for _ in 0..10 {
                    if n % 2 == 0 {
                        move_yen("mika", "ken");
                    } else {
                        move_yen("ken", "mika");
                    }
                }
            });
        }
    });
    let row = file.0.row("SELECT count(*) AS n FROM purse WHERE yen = 1000", params![]);
    assert_eq!(row.get::<i64>("n").unwrap(), 2, "every yen that left came back");
}

fn what_fails_is_undone_and_its_own_error_returned() {
    let file = File::new();
    let failed: Result<(Database, ()), StepError<Refusal>> = block_on(file.open().transact(async |tx| {
        tx.run("UPDATE purse SET yen = 0", params![]).await?;
        Err(StepError::Refused("no".to_owned()))
    }));
    assert_eq!(failed.unwrap_err(), StepError::Refused("no".to_owned()));
    assert_eq!(file.yen(), 1000);
}

fn after_a_commit_statements_stand_alone_again() {
    let file = File::new();
    block_on(async {
        let tx = file.open().begin().await.unwrap();
        tx.run("UPDATE purse SET yen = 1", params![]).await.unwrap();
        let database = tx.commit().await.unwrap();
        database.run("UPDATE purse SET yen = yen + 1", params![]).await.unwrap();
        assert_eq!(file.yen(), 2, "visible although the connection is still open");
        let tx = database.begin().await.unwrap();
        tx.run("UPDATE purse SET yen = 9", params![]).await.unwrap();
        drop(tx);
    });
    assert_eq!(file.yen(), 2);
}

fn values_come_back_as_they_went() {
    let file = File::new();
    let row = file.0.row(
        "SELECT ? AS text, ? AS number, ? AS missing, count(*) AS n, yen > 5 AS rich FROM purse GROUP BY yen",
        params!["在庫", i64::MIN, None::<i64>],
    );
    assert_eq!(row.text("text").unwrap(), "在庫");
    assert_eq!(row.get::<i64>("number").unwrap(), i64::MIN);
    assert_eq!(row.get::<Option<i64>>("missing").unwrap(), None);
    assert_eq!(row.get::<u32>("n").unwrap(), 1);
    assert!(row.get::<bool>("rich").unwrap());
}
}
