//! The table `payments`: codes and what became of them.

use paypay::codes::CreateCode;
use paypay::ids::{CodeId, MerchantCaptureId, MerchantPaymentId, MerchantRevertId, PaymentId};
use paypay::payments::PaymentStatus;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{BooksError, document, parsed, stored};
use crate::life;

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

/// One code and its payment. Instants are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentRecord {
    pub request: CreateCode,
    pub code_id: CodeId,
    pub payment_id: Option<PaymentId>,
    pub url: String,
    pub deeplink: String,
    /// Yen; after a capture: what was captured.
    pub amount: i64,
    pub status: PaymentStatus,
    pub expires_at: i64,
    pub deleted: bool,
    /// Canceled; before the buyer paid, the payment will fail when the buyer pays.
    pub cancel_requested: bool,
    /// When the buyer acted.
    pub accepted_at: Option<i64>,
    pub completed_at: Option<i64>,
    /// When a cancel made it fail.
    pub canceled_at: Option<i64>,
    /// Until when the merchant wants an authorization to last.
    pub authorization_expiry: Option<i64>,
    pub authorized_until: Option<i64>,
    /// Of an authorized payment: what the buyer is being asked for. Later: what was captured.
    pub capture: Option<CaptureRecord>,
    pub revert: Option<RevertRecord>,
    pub created_at: i64,
}

/// The one capture of an authorization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaptureRecord {
    pub merchant_capture_id: MerchantCaptureId,
    /// Yen.
    pub amount: i64,
    pub order_description: String,
    pub requested_at: i64,
    /// When the money was taken.
    pub accepted_at: Option<i64>,
    /// When the buyer agreed to a higher amount.
    pub confirmed_at: Option<i64>,
    /// Until when the buyer may agree to a higher amount.
    pub expires_at: i64,
}

/// The reversal of an authorization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevertRecord {
    pub merchant_revert_id: MerchantRevertId,
    pub accepted_at: i64,
    pub requested_at: i64,
    pub reason: Option<String>,
}

impl PaymentRecord {
    pub(crate) fn merchant_payment_id(&self) -> &MerchantPaymentId {
        &self.request.merchant_payment_id
    }

    /// Whether the code can be paid at `now`.
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

    /// The higher amount that the buyer is being asked for.
    pub(crate) fn asked(&self) -> Option<&CaptureRecord> {
        self.capture
            .as_ref()
            .filter(|_| self.status == PaymentStatus::Authorized)
    }

    /// Adds a new code. `false`: its `merchantPaymentId` was used before, and nothing changed.
    pub(crate) fn insert(&self, db: &Connection) -> Result<bool, BooksError> {
        let added = db
            .prepare_cached(
                "INSERT INTO payments (merchant_payment_id, request, code_id, url, deeplink, amount, status, expires_at,
                 authorization_expiry, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (merchant_payment_id) DO NOTHING",
            )?
            .execute(params![
                self.merchant_payment_id().as_str(),
                document(&self.request)?,
                self.code_id.as_str(),
                self.url,
                self.deeplink,
                self.amount,
                self.status.as_str(),
                self.expires_at,
                self.authorization_expiry,
                self.created_at,
            ])?;
        Ok(added == 1)
    }

    /// Writes what can change of a payment.
    pub(crate) fn update(&self, db: &Connection) -> Result<(), BooksError> {
        db.prepare_cached(
            "UPDATE payments SET payment_id = ?2, amount = ?3, status = ?4, deleted = ?5, cancel_requested = ?6,
             accepted_at = ?7, completed_at = ?8, canceled_at = ?9, authorized_until = ?10, capture = ?11, revert = ?12,
             due_at = ?13 WHERE merchant_payment_id = ?1",
        )?
        .execute(params![
            self.merchant_payment_id().as_str(),
            self.payment_id.as_ref().map(PaymentId::as_str),
            self.amount,
            self.status.as_str(),
            self.deleted,
            self.cancel_requested,
            self.accepted_at,
            self.completed_at,
            self.canceled_at,
            self.authorized_until,
            self.capture.as_ref().map(document).transpose()?,
            self.revert.as_ref().map(document).transpose()?,
            life::due_at(self),
        ])?;
        Ok(())
    }

    pub(crate) fn of_code(db: &Connection, id: &CodeId) -> Result<Option<Self>, BooksError> {
        Ok(find(db, "code_id = ?1", id.as_str(), 1)?.pop())
    }

    pub(crate) fn of_merchant(db: &Connection, id: &MerchantPaymentId) -> Result<Option<Self>, BooksError> {
        Ok(find(db, "merchant_payment_id = ?1", id.as_str(), 1)?.pop())
    }

    pub(crate) fn of_payment(db: &Connection, id: &PaymentId) -> Result<Option<Self>, BooksError> {
        Ok(find(db, "payment_id = ?1", id.as_str(), 1)?.pop())
    }

    /// Payments that time alone has changed by `now`, the first due first.
    pub(crate) fn due(db: &Connection, now: i64, limit: u32) -> Result<Vec<Self>, BooksError> {
        find(db, "due_at <= ?1 ORDER BY due_at", now, limit)
    }

    /// The newest payments first.
    pub(crate) fn latest(db: &Connection, limit: u32) -> Result<Vec<Self>, BooksError> {
        find(db, "?1 ORDER BY created_at DESC, rowid DESC", 1, limit)
    }
}

fn find(
    db: &Connection,
    which: &str,
    value: impl rusqlite::ToSql,
    limit: u32,
) -> Result<Vec<PaymentRecord>, BooksError> {
    let mut statement = db.prepare_cached(&format!("SELECT * FROM payments WHERE {which} LIMIT ?2"))?;
    let mut rows = statement.query(params![value, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<PaymentRecord, BooksError> {
    let text = |name| row.get::<_, Option<String>>(name);
    let request: String = row.get("request")?;
    Ok(PaymentRecord {
        request: CreateCode::parse(request.as_bytes())
            .map_err(|error| BooksError::Content(error.to_string()))?,
        code_id: stored(&row.get::<_, String>("code_id")?)?,
        payment_id: text("payment_id")?.as_deref().map(stored).transpose()?,
        url: row.get("url")?,
        deeplink: row.get("deeplink")?,
        amount: row.get("amount")?,
        status: PaymentStatus::from(row.get::<_, String>("status")?.as_str()),
        expires_at: row.get("expires_at")?,
        deleted: row.get("deleted")?,
        cancel_requested: row.get("cancel_requested")?,
        accepted_at: row.get("accepted_at")?,
        completed_at: row.get("completed_at")?,
        canceled_at: row.get("canceled_at")?,
        authorization_expiry: row.get("authorization_expiry")?,
        authorized_until: row.get("authorized_until")?,
        capture: text("capture")?.as_deref().map(parsed).transpose()?,
        revert: text("revert")?.as_deref().map(parsed).transpose()?,
        created_at: row.get("created_at")?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use paypay::codes::CodeType;
    use paypay::money::Money;

    use super::*;

    /// A code of 100 yen that lives for 300 s from 1970.
    pub(crate) fn unpaid() -> PaymentRecord {
        PaymentRecord {
            request: CreateCode {
                merchant_payment_id: "m".parse().unwrap(),
                amount: Money::yen(100),
                code_type: CodeType::OrderQr,
                order_description: None,
                order_items: vec![],
                is_authorization: false,
                redirect_url: None,
                redirect_type: None,
                requested_at: 0,
            },
            code_id: "c".parse().unwrap(),
            payment_id: None,
            url: String::new(),
            deeplink: String::new(),
            amount: 100,
            status: PaymentStatus::Created,
            expires_at: 300,
            deleted: false,
            cancel_requested: false,
            accepted_at: None,
            completed_at: None,
            canceled_at: None,
            authorization_expiry: None,
            authorized_until: None,
            capture: None,
            revert: None,
            created_at: 0,
        }
    }
}
