//! What a step leaves behind, and what a later try reads from it.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Prior, StepError};
use crate::{Session, Sql, Statement, StoreError, params};

const LONGEST_ID: usize = 128;

/// A step that cannot be named. A defect in the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStep {
    #[error("a step id has 1 to {LONGEST_ID} characters, this one {0}")]
    Id(usize),
    #[error("the step's arguments cannot be hashed: {0}")]
    Arguments(String),
}

/// One execution of one saga step: its id, what it does, and a digest of its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    id: String,
    action: &'static str,
    request_hash: String,
}

impl Step {
    /// `arguments`: everything that decides what the step does, except its id. The order of lists counts, so sort what has none.
    pub fn new(id: &str, action: &'static str, arguments: &impl Serialize) -> Result<Step, InvalidStep> {
        let arguments = serde_json::to_vec(arguments).map_err(|e| InvalidStep::Arguments(e.to_string()))?;
        Self::checked(id, action, format!("{:x}", Sha256::digest(arguments)))
    }

    /// An action as its compensation knows it: by id only.
    pub fn of_unknown_arguments(id: &str, action: &'static str) -> Result<Step, InvalidStep> {
        Self::checked(id, action, String::new())
    }

    fn checked(id: &str, action: &'static str, request_hash: String) -> Result<Step, InvalidStep> {
        match id.chars().count() {
            1..=LONGEST_ID => Ok(Step {
                id: id.to_owned(),
                action,
                request_hash,
            }),
            length => Err(InvalidStep::Id(length)),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn action(&self) -> &'static str {
        self.action
    }
}

/// The column `outcome`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Recorded<T, E> {
    Done(T),
    Refused(E),
    /// Written by the compensation in the action's place.
    Canceled {
        by: String,
    },
}

impl<T, E> Recorded<T, E> {
    pub(super) fn into_result(self, step: &Step) -> Result<T, StepError<E>> {
        match self {
            Recorded::Done(value) => Ok(value),
            Recorded::Refused(refusal) => Err(StepError::Refused(refusal)),
            Recorded::Canceled { .. } => Err(StepError::Canceled {
                step: step.id.clone(),
            }),
        }
    }
}

/// A row of `step_barrier`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StepRow {
    pub(super) action: String,
    pub(super) request_hash: String,
    pub(super) outcome: String,
}

impl StepRow {
    pub(super) async fn find(session: &Session, id: &str) -> Result<Option<StepRow>, StoreError> {
        let sql = "SELECT action, request_hash, outcome FROM step_barrier WHERE step_id = ?";
        Self::read(session, sql, id).await
    }

    /// As it is committed now, not as it was when the transaction first read something.
    pub(super) async fn find_now(session: &Session, id: &str) -> Result<Option<StepRow>, StoreError> {
        let sql = Sql {
            sqlite: "SELECT action, request_hash, outcome FROM step_barrier WHERE step_id = ?",
            mysql: "SELECT action, request_hash, outcome FROM step_barrier WHERE step_id = ? LOCK IN SHARE MODE",
        };
        Self::read(session, sql, id).await
    }

    async fn read(session: &Session, sql: impl Statement, id: &str) -> Result<Option<StepRow>, StoreError> {
        let row = session.query_optional(sql, params![id]).await?;
        row.map(|row| {
            Ok(StepRow {
                action: row.text("action")?,
                request_hash: row.text("request_hash")?,
                outcome: row.text("outcome")?,
            })
        })
        .transpose()
    }

    /// Fails on the primary key if the step has a row.
    pub(super) async fn insert<T: Serialize, E: Serialize>(
        session: &Session,
        step: &Step,
        outcome: &Recorded<T, E>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        Self::insert_text(session, step, json(outcome)?, now_ms).await
    }

    /// Inserts the step's row without an outcome yet, which nobody sees before [`fill`](Self::fill); or the row that it has already. A step of
    /// the same id that is under way is waited for.
    pub(super) async fn claim(
        session: &Session,
        step: &Step,
        now_ms: i64,
    ) -> Result<Option<StepRow>, StoreError> {
        let inserted = Self::insert_text(session, step, String::new(), now_ms).await;
        Self::unless_taken(session, step, inserted).await
    }

    /// What was there, if an insert met it.
    pub(super) async fn unless_taken(
        session: &Session,
        step: &Step,
        inserted: Result<(), StoreError>,
    ) -> Result<Option<StepRow>, StoreError> {
        match inserted {
            Ok(()) => Ok(None),
            Err(error) if error.is_unique_violation() => match Self::find_now(session, step.id()).await? {
                Some(row) => Ok(Some(row)),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// The outcome of a step that was claimed.
    pub(super) async fn fill<T: Serialize, E: Serialize>(
        session: &Session,
        step: &Step,
        outcome: &Recorded<T, E>,
    ) -> Result<(), StoreError> {
        session
            .run(
                "UPDATE step_barrier SET outcome = ? WHERE step_id = ?",
                params![json(outcome)?, &step.id],
            )
            .await
    }

    async fn insert_text(
        session: &Session,
        step: &Step,
        outcome: String,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        session
            .run(
                "INSERT INTO step_barrier (step_id, action, request_hash, outcome, created_at) VALUES (?, ?, ?, ?, ?)",
                params![&step.id, step.action, &step.request_hash, outcome, now_ms],
            )
            .await
    }

    /// What a repeat of `step` is answered.
    pub(super) fn outcome<T, E>(&self, step: &Step) -> Result<T, StepError<E>>
    where
        T: DeserializeOwned,
        E: DeserializeOwned,
    {
        self.check_action(step)?;
        let recorded: Recorded<T, E> = self.decode()?;
        // A canceled row was written by the compensation, which does not know the action's arguments.
        if !matches!(recorded, Recorded::Canceled { .. }) && self.request_hash != step.request_hash {
            return Err(StepError::Reused {
                step: step.id.clone(),
                with: "with other arguments".to_owned(),
            });
        }
        recorded.into_result(step)
    }

    /// What the compensation of `action` finds.
    pub(super) fn prior<A: DeserializeOwned, E>(&self, action: &Step) -> Result<Prior<A>, StepError<E>> {
        self.check_action(action)?;
        Ok(match self.decode::<A, IgnoredAny>()? {
            Recorded::Done(value) => Prior::Done(value),
            Recorded::Refused(_) | Recorded::Canceled { .. } => Prior::Nothing,
        })
    }

    fn check_action<E>(&self, step: &Step) -> Result<(), StepError<E>> {
        if self.action == step.action {
            return Ok(());
        }
        Err(StepError::Reused {
            step: step.id.clone(),
            with: format!("for `{}`, not for `{}`", self.action, step.action),
        })
    }

    fn decode<T: DeserializeOwned, E: DeserializeOwned>(&self) -> Result<Recorded<T, E>, StoreError> {
        serde_json::from_str(&self.outcome).map_err(|e| StoreError::Decode {
            column: "outcome".to_owned(),
            statement: "SELECT … FROM step_barrier".to_owned(),
            reason: e.to_string(),
        })
    }
}

fn json<T: Serialize, E: Serialize>(outcome: &Recorded<T, E>) -> Result<String, StoreError> {
    serde_json::to_string(outcome).map_err(|e| StoreError::Encode {
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Outcome = Result<i64, StepError<String>>;

    fn step(arguments: &[u32]) -> Step {
        Step::new("s-1", "reserve", &arguments).unwrap()
    }

    fn row(step: &Step, outcome: &str) -> StepRow {
        StepRow {
            action: step.action.to_owned(),
            request_hash: step.request_hash.clone(),
            outcome: outcome.to_owned(),
        }
    }

    #[test]
    fn a_repeat_gets_what_was_recorded() {
        let step = step(&[1]);
        let outcome: Outcome = row(&step, r#"{"done":7}"#).outcome(&step);
        assert_eq!(outcome, Ok(7));
        let outcome: Outcome = row(&step, r#"{"refused":"short"}"#).outcome(&step);
        assert_eq!(outcome, Err(StepError::Refused("short".into())));
    }

    #[test]
    fn other_arguments_or_another_action_are_refused() {
        let first = row(&step(&[1]), r#"{"done":7}"#);
        let outcome: Outcome = first.outcome(&step(&[2]));
        assert!(matches!(outcome, Err(StepError::Reused { .. })));
        let confirm = Step::new("s-1", "confirm", &[1]).unwrap();
        let outcome: Outcome = first.outcome(&confirm);
        assert!(
            matches!(outcome, Err(StepError::Reused { with, .. }) if with == "for `reserve`, not for `confirm`")
        );
    }

    #[test]
    fn a_canceled_step_is_canceled_whatever_its_arguments() {
        let blind = Step::of_unknown_arguments("s-1", "reserve").unwrap();
        let canceled = row(&blind, r#"{"canceled":{"by":"s-2"}}"#);
        let outcome: Outcome = canceled.outcome(&step(&[1]));
        assert_eq!(outcome, Err(StepError::Canceled { step: "s-1".into() }));
        assert_eq!(canceled.prior::<i64, String>(&blind), Ok(Prior::Nothing));
    }

    #[test]
    fn a_compensation_sees_a_success_and_nothing_of_a_refusal() {
        let step = step(&[1]);
        assert_eq!(
            row(&step, r#"{"done":7}"#).prior::<i64, String>(&step),
            Ok(Prior::Done(7))
        );
        assert_eq!(
            row(&step, r#"{"refused":{"a":[1]}}"#).prior::<i64, String>(&step),
            Ok(Prior::Nothing)
        );
    }

    #[test]
    fn an_outcome_that_cannot_be_read_is_an_error_and_not_a_success() {
        let step = step(&[1]);
        let outcome: Outcome = row(&step, r#"{"done":"seven"}"#).outcome(&step);
        assert!(matches!(
            outcome,
            Err(StepError::Store(StoreError::Decode { .. }))
        ));
    }

    #[test]
    fn step_ids_have_1_to_128_characters() {
        for (id, valid) in [
            ("", false),
            ("a", true),
            (&"あ".repeat(128), true),
            (&"a".repeat(129), false),
        ] {
            let step = Step::new(id, "reserve", &());
            assert_eq!(step.is_ok(), valid, "{} characters", id.chars().count());
        }
    }

    #[test]
    fn arguments_that_differ_hash_differently() {
        assert_eq!(step(&[1, 2]), step(&[1, 2]));
        assert_ne!(step(&[1, 2]), step(&[2, 1]));
        assert_eq!(step(&[1]).request_hash.len(), 64);
    }
}
