//! The tables `payment_codes` and `refunds`.

use paypay::codes::Code;
use paypay::payments::Payment;
use paypay::refunds::Refund;
use serde::{Deserialize, Serialize};
use store::clock::now_ms;
use store::{Session, StoreError, params};

use crate::codes::CodeRequest;

/// What `create-code` returns, and what is recorded of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedCode {
    pub code_id: String,
    pub merchant_payment_id: String,
    pub url: String,
    pub deeplink: String,
    /// Epoch milliseconds.
    pub expires_at: i64,
}

impl From<Code> for CreatedCode {
    fn from(code: Code) -> Self {
        Self {
            code_id: code.code_id.into(),
            merchant_payment_id: code.merchant_payment_id.into(),
            url: code.url,
            deeplink: code.deeplink,
            expires_at: code.expiry_date.saturating_mul(1000),
        }
    }
}

/// Writes down that a code is about to be asked for. `false`: the step has an outcome, or the id was asked for before; nothing changed.
pub(crate) async fn intend(session: &Session, step: &str, request: &CodeRequest) -> Result<bool, StoreError> {
    let now = now_ms();
    // One statement, so that no compensation can come in between.
    let sql = "INSERT INTO payment_codes
                   (merchant_payment_id, create_step, order_no, amount, state, open_calls, created_at, updated_at)
               SELECT ?, ?, ?, ?, 'INTENT', 1, ?, ? WHERE NOT EXISTS (SELECT 1 FROM step_barrier WHERE step_id = ?)
               ON CONFLICT (merchant_payment_id) DO NOTHING";
    let id = request.merchant_payment_id.as_str();
    let values = params![
        id,
        step,
        request.order_no.as_str(),
        request.amount,
        now,
        now,
        step
    ];
    Ok(session.execute(sql, values).await? == 1)
}

/// Writes down that the step asks once more. `false`: it has an outcome by now; nothing changed.
pub(crate) async fn intend_again(
    session: &Session,
    step: &str,
    merchant_payment_id: &str,
) -> Result<bool, StoreError> {
    let sql = "UPDATE payment_codes SET open_calls = open_calls + 1, updated_at = ?
               WHERE merchant_payment_id = ? AND create_step = ? AND NOT EXISTS (SELECT 1 FROM step_barrier WHERE step_id = ?)";
    let values = params![now_ms(), merchant_payment_id, step, step];
    Ok(session.execute(sql, values).await? == 1)
}

/// Writes down that one of the requests for the code is known to have made none. Whether all of them are.
pub(crate) async fn without_effect(session: &Session, merchant_payment_id: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE payment_codes SET open_calls = open_calls - 1, updated_at = ? WHERE merchant_payment_id = ? AND open_calls > 0";
    session
        .execute(sql, params![now_ms(), merchant_payment_id])
        .await?;
    let sql = "SELECT 1 AS one FROM payment_codes WHERE merchant_payment_id = ? AND open_calls = 0";
    let row = session.query_optional(sql, params![merchant_payment_id]).await?;
    Ok(row.is_some())
}

/// The step that asked for a code, if one did.
pub(crate) async fn asked_by(
    session: &Session,
    merchant_payment_id: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT create_step FROM payment_codes WHERE merchant_payment_id = ?";
    let row = session.query_optional(sql, params![merchant_payment_id]).await?;
    row.map(|row| row.text("create_step")).transpose()
}

pub(crate) async fn created(session: &Session, code: &CreatedCode) -> Result<(), StoreError> {
    let sql = "UPDATE payment_codes SET state = 'CREATED', code_id = ?, url = ?, deeplink = ?, expires_at = ?, status = 'CREATED',
               updated_at = ? WHERE merchant_payment_id = ?";
    let values = params![
        code.code_id.as_str(),
        code.url.as_str(),
        code.deeplink.as_str(),
        code.expires_at,
        now_ms(),
        code.merchant_payment_id.as_str()
    ];
    session.execute(sql, values).await.map(drop)
}

pub(crate) async fn rejected(session: &Session, merchant_payment_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE payment_codes SET state = 'REJECTED', updated_at = ? WHERE merchant_payment_id = ? AND state = 'INTENT'";
    session
        .execute(sql, params![now_ms(), merchant_payment_id])
        .await
        .map(drop)
}

/// Codes that the step asked for and that PayPay may have made, although no outcome came back: their ids.
pub(crate) async fn doubtful(session: &Session, create_step: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT merchant_payment_id FROM payment_codes WHERE create_step = ? AND state <> 'CREATED' AND open_calls > 0 AND deleted_at IS NULL";
    let rows = session.query(sql, params![create_step]).await?;
    rows.iter().map(|row| row.text("merchant_payment_id")).collect()
}

/// Whether PayPay has confirmed that the code is disabled.
pub(crate) async fn is_deleted(session: &Session, merchant_payment_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS one FROM payment_codes WHERE merchant_payment_id = ? AND deleted_at IS NOT NULL";
    Ok(session
        .query_optional(sql, params![merchant_payment_id])
        .await?
        .is_some())
}

pub(crate) async fn deleted(session: &Session, merchant_payment_id: &str) -> Result<(), StoreError> {
    let now = now_ms();
    let sql = "UPDATE payment_codes SET deleted_at = ?, updated_at = ? WHERE merchant_payment_id = ?";
    session
        .execute(sql, params![now, now, merchant_payment_id])
        .await
        .map(drop)
}

/// Keeps what PayPay's details said. Codes that this shop did not ask for are left out.
pub(crate) async fn observed(session: &Session, payment: &Payment) -> Result<(), StoreError> {
    let now = now_ms();
    let sql =
        "UPDATE payment_codes SET status = ?, payment_id = ?, accepted_at = ?, read_at = ?, updated_at = ?
               WHERE merchant_payment_id = ?";
    let values = params![
        payment.status.as_str(),
        payment.payment_id.as_ref().map(|id| id.as_str().to_owned()),
        payment.accepted_at.map(|seconds| seconds.saturating_mul(1000)),
        now,
        now,
        payment.merchant_payment_id.as_str()
    ];
    session.execute(sql, values).await.map(drop)
}

pub(crate) async fn refunded(
    session: &Session,
    payment: &Payment,
    refund: &Refund,
    reason: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO refunds (merchant_refund_id, merchant_payment_id, payment_id, amount, reason, created_at)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (merchant_refund_id) DO NOTHING";
    let values = params![
        refund.merchant_refund_id.as_str(),
        payment.merchant_payment_id.as_str(),
        refund.payment_id.as_str(),
        refund.amount.amount,
        reason,
        now_ms()
    ];
    session.execute(sql, values).await.map(drop)
}
