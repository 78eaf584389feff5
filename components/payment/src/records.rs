//! The tables `payment_codes` and `refunds`.

use paypay::codes::Code;
use paypay::payments::Payment;
use paypay::refunds::Refund;
use serde::{Deserialize, Serialize};
use store::clock::now_ms;
use store::{Database, Dialect, Session, Sql, StoreError, Transaction, params};

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
pub(crate) async fn intend(
    database: Database,
    step: &str,
    request: &CodeRequest,
) -> Result<(Database, bool), StoreError> {
    if database.dialect() == Dialect::MySql {
        return database
            .transact(async |tx| intend_unless_recorded(tx, step, request).await)
            .await;
    }
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
    let intended = database.execute(sql, values).await? == 1;
    Ok((database, intended))
}

/// The intent first and then the look for an outcome: a compensation that comes in between has to wait for one of the two, as it writes its row in
/// `step_barrier` first and looks for intents ([`doubtful`]) then.
async fn intend_unless_recorded(
    tx: &Transaction,
    step: &str,
    request: &CodeRequest,
) -> Result<bool, StoreError> {
    let (id, now) = (request.merchant_payment_id.as_str(), now_ms());
    let sql = "INSERT INTO payment_codes
                   (merchant_payment_id, create_step, order_no, amount, state, open_calls, created_at, updated_at)
               VALUES (?, ?, ?, ?, 'INTENT', 1, ?, ?)";
    let values = params![id, step, request.order_no.as_str(), request.amount, now, now];
    match tx.run(sql, values).await {
        Err(error) if error.is_unique_violation() => return Ok(false),
        inserted => inserted?,
    }
    let sql = "SELECT 1 AS one FROM step_barrier WHERE step_id = ? LOCK IN SHARE MODE";
    if tx.query_optional(sql, params![step]).await?.is_none() {
        return Ok(true);
    }
    tx.run(
        "DELETE FROM payment_codes WHERE merchant_payment_id = ?",
        params![id],
    )
    .await?;
    Ok(false)
}

/// Writes down that the step asks once more. `false`: it has an outcome by now; nothing changed.
pub(crate) async fn intend_again(
    session: &Session,
    step: &str,
    merchant_payment_id: &str,
) -> Result<bool, StoreError> {
    let sql = Sql {
        sqlite: "UPDATE payment_codes SET open_calls = open_calls + 1, updated_at = ?
                 WHERE merchant_payment_id = ? AND create_step = ?
                   AND NOT EXISTS (SELECT 1 FROM step_barrier WHERE step_id = ?)",
        mysql: "UPDATE payment_codes SET open_calls = open_calls + 1, updated_at = ?
                WHERE merchant_payment_id = ? AND create_step = ?
                  AND NOT EXISTS (SELECT 1 FROM step_barrier WHERE step_id = ? LOCK IN SHARE MODE)",
    };
    let values = params![now_ms(), merchant_payment_id, step, step];
    Ok(session.execute(sql, values).await? == 1)
}

/// Writes down that one of the requests for the code is known to have made none. Whether all of them are.
pub(crate) async fn without_effect(session: &Session, merchant_payment_id: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE payment_codes SET open_calls = open_calls - 1, updated_at = ? WHERE merchant_payment_id = ? AND open_calls > 0";
    session.run(sql, params![now_ms(), merchant_payment_id]).await?;
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
    session.run(sql, values).await
}

pub(crate) async fn rejected(session: &Session, merchant_payment_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE payment_codes SET state = 'REJECTED', updated_at = ? WHERE merchant_payment_id = ? AND state = 'INTENT'";
    session.run(sql, params![now_ms(), merchant_payment_id]).await
}

/// Codes that the step asked for and that PayPay may have made, although no outcome came back: their ids.
pub(crate) async fn doubtful(session: &Session, create_step: &str) -> Result<Vec<String>, StoreError> {
    // On MySQL it waits for intents that are being written.
    let sql = Sql {
        sqlite: "SELECT merchant_payment_id FROM payment_codes
                 WHERE create_step = ? AND state <> 'CREATED' AND open_calls > 0 AND deleted_at IS NULL",
        mysql: "SELECT merchant_payment_id FROM payment_codes
                WHERE create_step = ? AND state <> 'CREATED' AND open_calls > 0 AND deleted_at IS NULL LOCK IN SHARE MODE",
    };
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
    session.run(sql, params![now, now, merchant_payment_id]).await
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
    session.run(sql, values).await
}

pub(crate) async fn refunded(
    session: &Session,
    payment: &Payment,
    refund: &Refund,
    reason: &str,
) -> Result<(), StoreError> {
    let sql = Sql {
        sqlite: "INSERT INTO refunds (merchant_refund_id, merchant_payment_id, payment_id, amount, reason, created_at)
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (merchant_refund_id) DO NOTHING",
        mysql: "INSERT INTO refunds (merchant_refund_id, merchant_payment_id, payment_id, amount, reason, created_at)
                VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE merchant_refund_id = merchant_refund_id",
    };
    let values = params![
        refund.merchant_refund_id.as_str(),
        payment.merchant_payment_id.as_str(),
        refund.payment_id.as_str(),
        refund.amount.amount,
        reason,
        now_ms()
    ];
    session.run(sql, values).await
}
