//! Opening accounts, taking and giving back: the tables `accounts` and `entries`.

use serde::{Deserialize, Serialize};
use store::barrier::{Prior, Step, StepError, Stop, run_action, run_compensation};
use store::{Database, Dialect, Row, Sql, StoreError, Transaction, clock, params};

/// Yen of one debit.
const AMOUNT: std::ops::RangeInclusive<i64> = 1..=9_999_999;
/// Yen of a welcome gift.
const WELCOME: std::ops::RangeInclusive<i64> = 0..=100_000;
/// Characters. Firebase's user ids, the longest that come in, have at most this many.
const LONGEST_USER_ID: usize = 128;
/// Entries that are shown.
const SHOWN: u32 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    Welcome,
    Debit,
    Credit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    /// Yen; positive adds to the balance.
    pub amount: i64,
    pub order_no: Option<String>,
    /// Epoch milliseconds, UTC.
    pub at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub balance: i64,
    /// Newest first.
    pub entries: Vec<Entry>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("a user id has 1 to {LONGEST_USER_ID} characters, this one {0}")]
    UserId(usize),
    #[error("variable account_welcome_yen: {0}")]
    Welcome(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is recorded as a step's outcome when it may not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// The balance, in yen.
    InsufficientBalance(i64),
    Invalid(String),
}

/// What `debit` records: its answer, and what its compensation needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Debited {
    user_id: String,
    order_no: String,
    amount: i64,
    balance: i64,
}

type Outcome = Result<i64, StepError<Refusal>>;

/// The value of the variable `account_welcome_yen`, or what is wrong with it.
pub fn parse_welcome(text: &str) -> Result<i64, String> {
    match text.trim().parse() {
        Ok(yen) if WELCOME.contains(&yen) => Ok(yen),
        _ => Err(format!(
            "`{text}` is not a whole number from {} to {}",
            WELCOME.start(),
            WELCOME.end()
        )),
    }
}

/// A user's account, opened on first sight. An account that exists is read without the database's writer, and without asking
/// for the gift.
pub async fn open(
    database: Database,
    user_id: &str,
    welcome: impl AsyncFnOnce() -> Result<i64, OpenError>,
) -> Result<Account, OpenError> {
    let length = user_id.chars().count();
    if !(1..=LONGEST_USER_ID).contains(&length) {
        return Err(OpenError::UserId(length));
    }
    if let Some(account) = read(&database, user_id).await? {
        return Ok(account);
    }
    let gift = welcome().await?;
    let (database, ()) = database
        .transact(async |tx| insert(tx, user_id, gift, clock::now_ms()).await)
        .await?;
    let account = read(&database, user_id).await?;
    account.ok_or_else(|| {
        StoreError::NoRow {
            statement: "SELECT … FROM accounts".to_owned(),
        }
        .into()
    })
}

async fn insert(tx: &Transaction, user_id: &str, gift: i64, now: i64) -> Result<(), StoreError> {
    let opened = tx
        .execute(
            Sql {
                sqlite: "INSERT INTO accounts (user_id, balance, opened_at) VALUES (?, ?, ?) ON CONFLICT (user_id) DO NOTHING",
                mysql: "INSERT INTO accounts (user_id, balance, opened_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE user_id = user_id",
            },
            params![user_id, gift, now],
        )
        .await?;
    // Unless a second request of the same new user was faster.
    if opened == 1 && gift > 0 {
        tx.run(
            "INSERT INTO entries (user_id, kind, amount, at) VALUES (?, 'welcome', ?, ?)",
            params![user_id, gift, now],
        )
        .await?;
    }
    Ok(())
}

/// Takes `amount` yen off the balance for an order; the new balance.
pub async fn debit(database: Database, step: &str, user_id: &str, order_no: &str, amount: i64) -> Outcome {
    if !AMOUNT.contains(&amount) {
        return Err(StepError::Refused(Refusal::Invalid(format!(
            "{amount} yen: a debit is from {} to {} yen",
            AMOUNT.start(),
            AMOUNT.end()
        ))));
    }
    let id = step;
    let step = Step::new(id, "debit", &(user_id, order_no, amount))?;
    let debited = run_action(database, &step, async |tx| {
        let left = match take(tx, user_id, amount).await? {
            Taken::Left(balance) => balance,
            Taken::NotCovered(balance) => {
                return Err(Stop::Refused(Refusal::InsufficientBalance(balance)));
            }
        };
        tx.run(
            "INSERT INTO entries (user_id, kind, amount, order_no, step_id, at) VALUES (?, 'debit', ?, ?, ?, ?)",
            params![user_id, -amount, order_no, id, clock::now_ms()],
        )
        .await?;
        Ok(Debited {
            user_id: user_id.to_owned(),
            order_no: order_no.to_owned(),
            amount,
            balance: left,
        })
    })
    .await?;
    Ok(debited.balance)
}

/// The balance after, or as it is.
enum Taken {
    Left(i64),
    NotCovered(i64),
}

async fn take(tx: &Transaction, user_id: &str, amount: i64) -> Result<Taken, StoreError> {
    match tx.dialect() {
        Dialect::Sqlite => {
            let sql = "UPDATE accounts SET balance = balance - ? WHERE user_id = ? AND balance >= ? RETURNING balance";
            match tx.query_optional(sql, params![amount, user_id, amount]).await? {
                Some(row) => Ok(Taken::Left(row.get("balance")?)),
                None => Ok(Taken::NotCovered(balance(tx, user_id).await?)),
            }
        }
        // The row is held from the look at it, so what is decided by it stays true.
        Dialect::MySql => {
            let before = balance(tx, user_id).await?;
            if before < amount {
                return Ok(Taken::NotCovered(before));
            }
            let sql = "UPDATE accounts SET balance = balance - ? WHERE user_id = ?";
            tx.run(sql, params![amount, user_id]).await?;
            Ok(Taken::Left(before - amount))
        }
    }
}

/// Gives back what `debit_step` took, if it did, and only once even if several steps ask for it; the new balance.
pub async fn credit(database: Database, step: &str, debit_step: &str, user_id: &str) -> Outcome {
    let action = Step::of_unknown_arguments(debit_step, "debit")?;
    let id = step;
    let step = Step::new(id, "credit", &(debit_step, user_id))?;
    run_compensation(database, &step, &action, async |tx, prior: Prior<Debited>| {
        let debited = match prior {
            Prior::Nothing => return Ok(balance(tx, user_id).await?),
            Prior::Done(debited) if debited.user_id != user_id => {
                return Err(Stop::Refused(Refusal::Invalid(
                    "the compensated step took from another user".to_owned(),
                )));
            }
            Prior::Done(debited) => debited,
        };
        let given = tx
            .run(
                "INSERT INTO entries (user_id, kind, amount, order_no, step_id, returns, at)
                 VALUES (?, 'credit', ?, ?, ?, ?, ?)",
                params![
                    user_id,
                    debited.amount,
                    debited.order_no,
                    id,
                    debit_step,
                    clock::now_ms()
                ],
            )
            .await;
        match given {
            Ok(()) => Ok(put(tx, user_id, debited.amount).await?),
            // Another step has given it back.
            Err(error) if error.is_unique_violation() => Ok(balance(tx, user_id).await?),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// The new balance.
async fn put(tx: &Transaction, user_id: &str, amount: i64) -> Result<i64, StoreError> {
    let row = match tx.dialect() {
        Dialect::Sqlite => {
            let sql = "UPDATE accounts SET balance = balance + ? WHERE user_id = ? RETURNING balance";
            tx.query_one(sql, params![amount, user_id]).await?
        }
        Dialect::MySql => {
            let sql = "UPDATE accounts SET balance = balance + ? WHERE user_id = ?";
            tx.run(sql, params![amount, user_id]).await?;
            let sql = "SELECT balance FROM accounts WHERE user_id = ? FOR UPDATE";
            tx.query_one(sql, params![user_id]).await?
        }
    };
    row.get("balance")
}

/// Who never had an account has nothing. The balance stays as it is until the transaction ends.
async fn balance(tx: &Transaction, user_id: &str) -> Result<i64, StoreError> {
    let sql = format!(
        "SELECT balance FROM accounts WHERE user_id = ?{}",
        tx.dialect().for_update()
    );
    match tx.query_optional(&sql, params![user_id]).await? {
        Some(row) => row.get("balance"),
        None => Ok(0),
    }
}

/// Balance and entries in one statement, so that they are of the same moment.
async fn read(database: &Database, user_id: &str) -> Result<Option<Account>, StoreError> {
    let rows = database
        .query(
            "SELECT a.balance, e.kind, e.amount, e.order_no, e.at
             FROM accounts AS a LEFT JOIN entries AS e ON e.user_id = a.user_id
             WHERE a.user_id = ? ORDER BY e.id DESC LIMIT ?",
            params![user_id, SHOWN],
        )
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let balance = first.get("balance")?;
    let entries = rows
        .iter()
        .filter_map(|row| entry(row).transpose())
        .collect::<Result<_, _>>()?;
    Ok(Some(Account { balance, entries }))
}

/// `None` for the empty half of an account without entries.
fn entry(row: &Row) -> Result<Option<Entry>, StoreError> {
    let Some(kind) = row.opt_text("kind")? else {
        return Ok(None);
    };
    let kind = match kind.as_str() {
        "welcome" => EntryKind::Welcome,
        "debit" => EntryKind::Debit,
        "credit" => EntryKind::Credit,
        other => return Err(row.broken("kind", format!("unknown kind `{other}`"))),
    };
    Ok(Some(Entry {
        kind,
        amount: row.get("amount")?,
        order_no: row.opt_text("order_no")?,
        at: row.get("at")?,
    }))
}

#[cfg(test)]
mod tests;
