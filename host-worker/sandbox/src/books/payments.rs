//! The table `payments`: codes and what became of them.

use paypay::codes::CreateCode;
use paypay::ids::{CodeId, MerchantPaymentId, PaymentId};
use paypay::payments::PaymentStatus;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{BooksError, stored};

/// Whether a code can still be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CodeState {
    Active,
    /// Past its deadline; the payment stays `CREATED`.
    Expired,
    Deleted,
    /// The buyer has approved or declined.
    Used,
}

/// One code and its payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentRecord {
    pub request: CreateCode,
    pub code_id: CodeId,
    pub payment_id: Option<PaymentId>,
    pub url: String,
    pub deeplink: String,
    /// Yen.
    pub amount: i64,
    pub status: PaymentStatus,
    /// Epoch seconds, as every instant here.
    pub expires_at: i64,
    pub deleted: bool,
    /// Canceled before the buyer paid: the payment will fail when the buyer pays.
    pub cancel_requested: bool,
    pub accepted_at: Option<i64>,
    pub authorized_until: Option<i64>,
    pub capture_id: Option<String>,
    pub created_at: i64,
}

const COLUMNS: &str = "request, code_id, payment_id, url, deeplink, amount, status, expires_at, deleted, \
    cancel_requested, accepted_at, authorized_until, capture_id, created_at";

impl PaymentRecord {
    pub(crate) fn merchant_payment_id(&self) -> &MerchantPaymentId {
        &self.request.merchant_payment_id
    }

    /// Whether the code can be paid at `now`, epoch seconds.
    pub(crate) fn code_state(&self, now: i64) -> CodeState {
        if self.status != PaymentStatus::Created {
            CodeState::Used
        } else if self.deleted {
            CodeState::Deleted
        } else if now >= self.expires_at {
            CodeState::Expired
        } else {
            CodeState::Active
        }
    }

    /// Adds a new code. `false`: its `merchantPaymentId` was used before, and nothing changed.
    pub(crate) fn insert(&self, db: &Connection) -> Result<bool, BooksError> {
        let request =
            serde_json::to_string(&self.request).map_err(|error| BooksError::Content(error.to_string()))?;
        let added = db
            .prepare_cached(
                "INSERT INTO payments (merchant_payment_id, request, code_id, url, deeplink, amount, status, expires_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (merchant_payment_id) DO NOTHING",
            )?
            .execute(params![
                self.merchant_payment_id().as_str(),
                request,
                self.code_id.as_str(),
                self.url,
                self.deeplink,
                self.amount,
                self.status.as_str(),
                self.expires_at,
                self.created_at,
            ])?;
        Ok(added == 1)
    }

    /// Writes what can change of a payment.
    pub(crate) fn update(&self, db: &Connection) -> Result<(), BooksError> {
        db.prepare_cached(
            "UPDATE payments SET payment_id = ?2, amount = ?3, status = ?4, deleted = ?5, cancel_requested = ?6,
             accepted_at = ?7, authorized_until = ?8, capture_id = ?9 WHERE merchant_payment_id = ?1",
        )?
        .execute(params![
            self.merchant_payment_id().as_str(),
            self.payment_id.as_ref().map(PaymentId::as_str),
            self.amount,
            self.status.as_str(),
            self.deleted,
            self.cancel_requested,
            self.accepted_at,
            self.authorized_until,
            self.capture_id,
        ])?;
        Ok(())
    }

    pub(crate) fn of_code(db: &Connection, id: &CodeId) -> Result<Option<Self>, BooksError> {
        find(db, "code_id", id.as_str())
    }

    pub(crate) fn of_merchant(db: &Connection, id: &MerchantPaymentId) -> Result<Option<Self>, BooksError> {
        find(db, "merchant_payment_id", id.as_str())
    }

    pub(crate) fn of_payment(db: &Connection, id: &PaymentId) -> Result<Option<Self>, BooksError> {
        find(db, "payment_id", id.as_str())
    }

    /// The newest payments first.
    pub(crate) fn latest(db: &Connection, limit: u32) -> Result<Vec<Self>, BooksError> {
        let sql = format!("SELECT {COLUMNS} FROM payments ORDER BY created_at DESC, rowid DESC LIMIT ?1");
        let mut statement = db.prepare_cached(&sql)?;
        let rows = statement.query_map([limit], Raw::read)?;
        rows.map(|row| row?.into_record()).collect()
    }
}

fn find(db: &Connection, column: &str, value: &str) -> Result<Option<PaymentRecord>, BooksError> {
    let sql = format!("SELECT {COLUMNS} FROM payments WHERE {column} = ?1");
    let raw = db
        .prepare_cached(&sql)?
        .query_row([value], Raw::read)
        .optional()?;
    raw.map(Raw::into_record).transpose()
}

/// A row before its texts are parsed.
struct Raw {
    request: String,
    code_id: String,
    payment_id: Option<String>,
    status: String,
    rest: PaymentRest,
}

struct PaymentRest {
    url: String,
    deeplink: String,
    amount: i64,
    expires_at: i64,
    deleted: bool,
    cancel_requested: bool,
    accepted_at: Option<i64>,
    authorized_until: Option<i64>,
    capture_id: Option<String>,
    created_at: i64,
}

impl Raw {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            request: row.get("request")?,
            code_id: row.get("code_id")?,
            payment_id: row.get("payment_id")?,
            status: row.get("status")?,
            rest: PaymentRest {
                url: row.get("url")?,
                deeplink: row.get("deeplink")?,
                amount: row.get("amount")?,
                expires_at: row.get("expires_at")?,
                deleted: row.get("deleted")?,
                cancel_requested: row.get("cancel_requested")?,
                accepted_at: row.get("accepted_at")?,
                authorized_until: row.get("authorized_until")?,
                capture_id: row.get("capture_id")?,
                created_at: row.get("created_at")?,
            },
        })
    }

    fn into_record(self) -> Result<PaymentRecord, BooksError> {
        let rest = self.rest;
        Ok(PaymentRecord {
            request: CreateCode::parse(self.request.as_bytes())
                .map_err(|error| BooksError::Content(error.to_string()))?,
            code_id: stored(&self.code_id)?,
            payment_id: self.payment_id.as_deref().map(stored).transpose()?,
            status: PaymentStatus::from(self.status.as_str()),
            url: rest.url,
            deeplink: rest.deeplink,
            amount: rest.amount,
            expires_at: rest.expires_at,
            deleted: rest.deleted,
            cancel_requested: rest.cancel_requested,
            accepted_at: rest.accepted_at,
            authorized_until: rest.authorized_until,
            capture_id: rest.capture_id,
            created_at: rest.created_at,
        })
    }
}
