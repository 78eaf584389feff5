//! Saga steps that are exactly-once in effect.
//!
//! A saga repeats a step whenever it does not know how the last try ended, and its compensation may even overtake it. Each owner of a database
//! therefore keeps a table `step_barrier`, and writes a step's row in the same transaction as the step's change:
//!
//! ```sql
//! CREATE TABLE step_barrier (
//!     step_id      TEXT    PRIMARY KEY,
//!     action       TEXT    NOT NULL,
//!     request_hash TEXT    NOT NULL,
//!     outcome      TEXT    NOT NULL,  -- JSON
//!     created_at   INTEGER NOT NULL   -- epoch milliseconds, UTC
//! ) WITHOUT ROWID;
//! ```
//!
//! # Why it is right with one statement, on SQLite
//!
//! [`run_action`] does the step's work first and inserts the row with its outcome last, so a fresh step costs `BEGIN`, the work, one
//! `INSERT`, `COMMIT`: no `SELECT` before and no `UPDATE` after. Transactions that hold the writer run one after another,
//! so exactly one try of a step can insert its row. Every other try fails on the primary key, whose row was there before it began, and
//! takes back all its work with its transaction; what that work saw or decided does not matter. It then returns the outcome of
//! the row. A compensation that comes first inserts the action's row itself, as canceled, and the late action meets it in the same way.
//! So the price of a repeat, which is rare, is work done in vain; the price of a first try, which is not, is one statement.
//!
//! # And with two, on MySQL
//!
//! There, tries of one step run side by side. The row goes in first, without its outcome, and holds up every other try until this one has
//! committed, which then finds the outcome, or is undone, which then takes its place; so no two tries wait for each other's stock or money with a
//! lock that the other needs. The outcome follows by an `UPDATE`. A step takes its own row first, a compensation its action's next, then
//! come the owner's rows. Where transactions still meet in a circle, one of them is undone by the database, and the whole step is done
//! again here, some times and after growing pauses. What is read after a wait is read as it is now (`FOR UPDATE`, `LOCK IN SHARE MODE`), never as
//! it was when the transaction began.
//!
//! Only the database is taken back: the work must not call anybody else.

mod record;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::retry::Tries;
use crate::{Database, Dialect, Session, StoreError, Transaction, clock};
pub use record::{InvalidStep, Step};
use record::{Recorded, StepRow};

/// Why a step has no success to report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError<E> {
    /// The step's own refusal, recorded: a repeat gets the same.
    #[error("the step was refused")]
    Refused(E),
    /// The compensation came first, so the action will never be done.
    #[error("step `{step}` was canceled by its compensation before it ran")]
    Canceled { step: String },
    /// A defect in the caller: the step id stands for another action or for other arguments. Nothing was changed.
    #[error("step `{step}` was used before {with}")]
    Reused { step: String, with: String },
    #[error(transparent)]
    Invalid(#[from] InvalidStep),
    /// Not recorded; whether the step took effect is unknown. Call again with the same step id.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a step's work stopped.
#[derive(Debug)]
pub enum Stop<E> {
    /// What it did is undone, and the refusal recorded as the step's outcome.
    Refused(E),
    /// What it did is undone, and nothing recorded.
    Store(StoreError),
}

impl<E> From<StoreError> for Stop<E> {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

/// What a compensation finds of the action that it compensates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prior<A> {
    /// The action succeeded, with this recorded outcome.
    Done(A),
    /// The action changed nothing: it was refused, or it never came, and from now on never will.
    Nothing,
}

/// Runs the work of a step once.
///
/// `work` gets the open transaction. Its success or refusal is recorded and returned, now and at every repeat with the same step; when it is a
/// repeat, or is undone because another transaction was in the way, `work` may run as well, but everything it does is taken back.
pub async fn run_action<T, E, W>(database: Database, step: &Step, mut work: W) -> Result<T, StepError<E>>
where
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnMut(&Transaction) -> Result<T, Stop<E>>,
{
    repeated(database, async |database| action(database, step, &mut work).await).await
}

async fn action<T, E, W>(database: Database, step: &Step, work: &mut W) -> Result<T, StepError<E>>
where
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnMut(&Transaction) -> Result<T, Stop<E>>,
{
    let (tx, there) = enter(database, step).await?;
    if let Some(row) = there {
        return row.outcome(step);
    }
    let before = tx.writes();
    match work(&tx).await {
        Ok(value) => settle(tx, step, Recorded::Done(value)).await,
        Err(Stop::Refused(refusal)) if tx.writes() == before => {
            settle(tx, step, Recorded::Refused(refusal)).await
        }
        // The refusal is kept and the work is not. Should another try get in between, its row is found.
        Err(Stop::Refused(refusal)) => {
            let (tx, there) = enter(tx.rollback().await?, step).await?;
            match there {
                None => settle(tx, step, Recorded::Refused(refusal)).await,
                Some(row) => row.outcome(step),
            }
        }
        Err(Stop::Store(error)) => recorded_or(&tx, step, error).await,
    }
}

/// Runs the work of a compensation once, and makes sure that its action, if it has not run, never will.
///
/// `action` must be the step that the action was, or would have been, called with; its arguments need not be known
/// ([`Step::of_unknown_arguments`]). `work` gets what became of the action. It must refuse before it changes anything: a refusal after a change is
/// answered by [`StoreError::TransactionEnded`], undone and not recorded.
pub async fn run_compensation<A, T, E, W>(
    database: Database,
    step: &Step,
    action: &Step,
    mut work: W,
) -> Result<T, StepError<E>>
where
    A: DeserializeOwned,
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnMut(&Transaction, Prior<A>) -> Result<T, Stop<E>>,
{
    repeated(database, async |database| {
        compensation(database, step, action, &mut work).await
    })
    .await
}

async fn compensation<A, T, E, W>(
    database: Database,
    step: &Step,
    action: &Step,
    work: &mut W,
) -> Result<T, StepError<E>>
where
    A: DeserializeOwned,
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnMut(&Transaction, Prior<A>) -> Result<T, Stop<E>>,
{
    let (tx, there) = enter(database, step).await?;
    if let Some(row) = there {
        return row.outcome(step);
    }
    let prior = match cancel(&tx, step, action).await? {
        Some(row) => row.prior(action)?,
        None => Prior::Nothing,
    };
    let before = tx.writes();
    match work(&tx, prior).await {
        Ok(value) => settle(tx, step, Recorded::Done(value)).await,
        Err(Stop::Refused(refusal)) if tx.writes() == before => {
            settle(tx, step, Recorded::Refused(refusal)).await
        }
        Err(Stop::Refused(_)) => {
            let statement = format!("refusal of compensation `{}` after a change", step.action());
            recorded_or(&tx, step, StoreError::TransactionEnded { statement }).await
        }
        Err(Stop::Store(error)) => recorded_or(&tx, step, error).await,
    }
}

/// Writes the action's row in its place; or finds it.
async fn cancel(tx: &Transaction, step: &Step, action: &Step) -> Result<Option<StepRow>, StoreError> {
    // SQLite's writer is ours, so nobody can insert the row after a look at it. On MySQL only the insert can tell.
    if tx.dialect() == Dialect::Sqlite
        && let Some(row) = StepRow::find(tx, action.id()).await?
    {
        return Ok(Some(row));
    }
    let canceled = Recorded::<(), ()>::Canceled {
        by: step.id().to_owned(),
    };
    let inserted = StepRow::insert(tx, action, &canceled, clock::now_ms()).await;
    StepRow::unless_taken(tx, action, inserted).await
}

/// Runs a step again on a new connection while another transaction is in its way. Also after a connection that broke: if it was the commit's, the
/// step finds its own outcome.
async fn repeated<T, E>(
    database: Database,
    mut once: impl AsyncFnMut(Database) -> Result<T, StepError<E>>,
) -> Result<T, StepError<E>> {
    let again = database.again();
    let mut tries = Tries::default();
    let mut database = database;
    loop {
        match once(database).await {
            Err(StepError::Store(error)) if tries.again(&error).await => database = again.open().await?,
            outcome => return outcome,
        }
    }
}

/// Begins a step's transaction, on MySQL with the step's row; or with the one that it has already.
async fn enter(database: Database, step: &Step) -> Result<(Transaction, Option<StepRow>), StoreError> {
    let tx = database.begin().await?;
    let there = match tx.dialect() {
        Dialect::Sqlite => None,
        Dialect::MySql => StepRow::claim(&tx, step, clock::now_ms()).await?,
    };
    Ok((tx, there))
}

/// What a step was answered before, if it was: `None` if it has no outcome yet. Does not take the writer. For steps that must call somebody
/// else before they record.
pub async fn recorded<T, E>(session: &Session, step: &Step) -> Result<Option<T>, StepError<E>>
where
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    StepRow::find(session, step.id())
        .await?
        .map(|row| row.outcome(step))
        .transpose()
}

/// Records and commits a first outcome, or returns the one that was there.
async fn settle<T, E>(tx: Transaction, step: &Step, outcome: Recorded<T, E>) -> Result<T, StepError<E>>
where
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
{
    let recorded = match tx.dialect() {
        Dialect::Sqlite => StepRow::insert(&tx, step, &outcome, clock::now_ms()).await,
        Dialect::MySql => StepRow::fill(&tx, step, &outcome).await,
    };
    match recorded {
        Ok(()) => {
            tx.commit().await?;
            outcome.into_result(step)
        }
        Err(error) => recorded_or(&tx, step, error).await,
    }
}

/// A repeat may break a rule of the schema that the first try kept (its rows are there already), so a broken rule is the step's failure only
/// if the step has no outcome yet. On MySQL it has none: a repeat does not come this far. The transaction ends with the caller's, uncommitted.
async fn recorded_or<T, E>(tx: &Transaction, step: &Step, error: StoreError) -> Result<T, StepError<E>>
where
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    if tx.dialect() == Dialect::Sqlite
        && matches!(
            error,
            StoreError::Constraint { .. } | StoreError::TransactionEnded { .. }
        )
        && let Ok(Some(row)) = StepRow::find(tx, step.id()).await
    {
        return row.outcome(step);
    }
    Err(error.into())
}

#[cfg(test)]
mod tests;
