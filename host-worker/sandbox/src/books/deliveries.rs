//! The table `deliveries`: webhooks to be sent and what became of them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::BooksError;

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Outcome {
    Pending,
    /// The merchant answered 2xx.
    Delivered,
    /// Every attempt failed; PayPay gives up.
    Lost,
    /// A fault: never sent.
    Dropped,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Lost => "LOST",
            Self::Dropped => "DROPPED",
        }
    }

    fn from_stored(text: &str) -> Result<Self, BooksError> {
        [Self::Pending, Self::Delivered, Self::Lost, Self::Dropped]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| BooksError::Content(format!("outcome {text}")))
    }
}

/// One attempt at sending a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    /// From 1.
    pub number: u32,
    /// Epoch milliseconds.
    pub at: i64,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub duration_ms: u64,
}

/// One webhook.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    pub id: i64,
    pub merchant_payment_id: String,
    pub state: String,
    pub body: Value,
    pub outcome: Outcome,
    /// What the faults did to it, in words.
    pub faults: String,
    /// Epoch milliseconds.
    pub due_at: i64,
    /// Epoch milliseconds.
    pub created_at: i64,
    pub attempts: Vec<Attempt>,
}

/// What the sender needs of a webhook.
#[derive(Clone, Debug)]
pub(crate) struct PendingDelivery {
    pub id: i64,
    pub body: String,
    /// Epoch milliseconds.
    pub due_at: i64,
}

const COLUMNS: &str = "id, merchant_payment_id, state, body, outcome, faults, due_at, created_at, attempts";

impl Delivery {
    /// Adds the webhook and returns its id; `self.id` is not looked at.
    pub(crate) fn insert(&self, db: &Connection) -> Result<i64, BooksError> {
        db.prepare_cached(
            "INSERT INTO deliveries (merchant_payment_id, state, body, outcome, faults, due_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            self.merchant_payment_id,
            self.state,
            self.body.to_string(),
            self.outcome.as_str(),
            self.faults,
            self.due_at,
            self.created_at
        ])?;
        Ok(db.last_insert_rowid())
    }

    pub(crate) fn find(db: &Connection, id: i64) -> Result<Option<Self>, BooksError> {
        let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE id = ?1");
        let raw = db.prepare_cached(&sql)?.query_row([id], Raw::read).optional()?;
        raw.map(Raw::into_delivery).transpose()
    }

    pub(crate) fn of_payment(db: &Connection, merchant_payment_id: &str) -> Result<Vec<Self>, BooksError> {
        let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE merchant_payment_id = ?1 ORDER BY id");
        let mut statement = db.prepare_cached(&sql)?;
        let rows = statement.query_map([merchant_payment_id], Raw::read)?;
        rows.map(|row| row?.into_delivery()).collect()
    }

    /// The newest first.
    pub(crate) fn latest(db: &Connection, limit: u32) -> Result<Vec<Self>, BooksError> {
        let sql = format!("SELECT {COLUMNS} FROM deliveries ORDER BY id DESC LIMIT ?1");
        let mut statement = db.prepare_cached(&sql)?;
        let rows = statement.query_map([limit], Raw::read)?;
        rows.map(|row| row?.into_delivery()).collect()
    }

    /// Webhooks that wait to be sent, the first due first.
    pub(crate) fn pending(db: &Connection, limit: u32) -> Result<Vec<PendingDelivery>, BooksError> {
        let mut statement = db.prepare_cached(
            "SELECT id, body, due_at FROM deliveries WHERE outcome = 'PENDING' ORDER BY due_at, id LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(PendingDelivery {
                id: row.get(0)?,
                body: row.get(1)?,
                due_at: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records how sending ended.
    pub(crate) fn settle(
        db: &Connection,
        id: i64,
        outcome: Outcome,
        attempts: &[Attempt],
    ) -> Result<(), BooksError> {
        let attempts =
            serde_json::to_string(attempts).map_err(|error| BooksError::Content(error.to_string()))?;
        db.prepare_cached("UPDATE deliveries SET outcome = ?2, attempts = ?3 WHERE id = ?1")?
            .execute(params![id, outcome.as_str(), attempts])?;
        Ok(())
    }
}

struct Raw {
    id: i64,
    merchant_payment_id: String,
    state: String,
    body: String,
    outcome: String,
    faults: String,
    due_at: i64,
    created_at: i64,
    attempts: String,
}

impl Raw {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            merchant_payment_id: row.get(1)?,
            state: row.get(2)?,
            body: row.get(3)?,
            outcome: row.get(4)?,
            faults: row.get(5)?,
            due_at: row.get(6)?,
            created_at: row.get(7)?,
            attempts: row.get(8)?,
        })
    }

    fn into_delivery(self) -> Result<Delivery, BooksError> {
        let content = |error: serde_json::Error| BooksError::Content(error.to_string());
        Ok(Delivery {
            id: self.id,
            merchant_payment_id: self.merchant_payment_id,
            state: self.state,
            body: serde_json::from_str(&self.body).map_err(content)?,
            outcome: Outcome::from_stored(&self.outcome)?,
            faults: self.faults,
            due_at: self.due_at,
            created_at: self.created_at,
            attempts: serde_json::from_str(&self.attempts).map_err(content)?,
        })
    }
}
