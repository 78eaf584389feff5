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
//! # Why it is right with one statement
//!
//! [`run_action`] does the step's work first and inserts the row with its outcome last, so a fresh step costs `BEGIN`, the work, one
//! `INSERT`, `COMMIT`: no `SELECT` before and no `UPDATE` after. Transactions that hold the writer run one after another,
//! so exactly one try of a step can insert its row. Every other try fails on the primary key, whose row was there before it began, and
//! takes back all its work with its transaction; what that work saw or decided does not matter. It then returns the outcome of
//! the row. A compensation that comes first inserts the action's row itself, as canceled, and the late action meets it in the same way.
//! So the price of a repeat, which is rare, is work done in vain; the price of a first try, which is not, is one statement.
//!
//! Only the database is taken back: the work must not call anybody else.

mod record;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Database, Session, StoreError, Transaction, clock};
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
/// repeat, `work` runs as well, but everything it does is taken back.
pub async fn run_action<T, E, W>(database: Database, step: &Step, work: W) -> Result<T, StepError<E>>
where
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnOnce(&Transaction) -> Result<T, Stop<E>>,
{
    let tx = database.begin().await?;
    match work(&tx).await {
        Ok(value) => settle(tx, step, Recorded::Done(value)).await,
        Err(Stop::Refused(refusal)) => {
            let tx = if tx.writes() == 0 {
                tx
            } else {
                // The refusal is kept and the work is not. Should another try get in between, `settle` finds its row.
                tx.rollback().await?.begin().await?
            };
            settle(tx, step, Recorded::Refused(refusal)).await
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
    work: W,
) -> Result<T, StepError<E>>
where
    A: DeserializeOwned,
    T: Serialize + DeserializeOwned,
    E: Serialize + DeserializeOwned,
    W: AsyncFnOnce(&Transaction, Prior<A>) -> Result<T, Stop<E>>,
{
    let tx = database.begin().await?;
    let prior = match StepRow::find(&tx, action.id()).await? {
        Some(row) => row.prior(action)?,
        None => {
            // The writer is ours, so nobody can have inserted it since.
            let canceled = Recorded::<(), ()>::Canceled {
                by: step.id().to_owned(),
            };
            StepRow::insert(&tx, action, &canceled, clock::now_ms()).await?;
            Prior::Nothing
        }
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
    match StepRow::insert(&tx, step, &outcome, clock::now_ms()).await {
        Ok(()) => {
            tx.commit().await?;
            outcome.into_result(step)
        }
        Err(error) => recorded_or(&tx, step, error).await,
    }
}

/// A repeat may break a rule of the schema that the first try kept (its rows are there already), so a broken rule is the step's failure only
/// if the step has no outcome yet. The transaction ends with the caller's, uncommitted.
async fn recorded_or<T, E>(tx: &Transaction, step: &Step, error: StoreError) -> Result<T, StepError<E>>
where
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    if matches!(
        error,
        StoreError::Constraint { .. } | StoreError::TransactionEnded { .. }
    ) && let Ok(Some(row)) = StepRow::find(tx, step.id()).await
    {
        return row.outcome(step);
    }
    Err(error.into())
}

#[cfg(test)]
mod tests;
