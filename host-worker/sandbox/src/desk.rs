//! The developer's desk: what PayPay believes, webhooks and their fate, faults, replay.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, response::IntoResponse};
use paypay::ids::MerchantPaymentId;
use paypay::refunds::RefundStatus;
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use crate::books::{BooksError, Delivery, PaymentRecord};
use crate::faults::{Faults, FaultsError};
use crate::pages::{self, DeskPage};
use crate::problem::Problem;
use crate::service::{Dossier, Service};

/// Rows in each list of the desk.
const ROWS: u32 = 50;

impl From<FaultsError> for Problem {
    fn from(error: FaultsError) -> Self {
        let message = error.to_string();
        Self::invalid(error.field, message)
    }
}

pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/sandbox", get(desk))
        .route("/sandbox/", get(desk))
        .route("/sandbox/faults", get(read_faults).put(change_faults))
        .route("/sandbox/payments/{id}", get(payment))
        .route("/sandbox/webhooks/{id}/replay", post(replay))
}

/// The faults that were in force when the books were last written.
pub(crate) fn stored_faults(db: &Connection) -> Result<Faults, BooksError> {
    let sql = "SELECT document FROM settings WHERE name = 'faults'";
    let document: Option<String> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    match document {
        None => Ok(Faults::default()),
        Some(text) => serde_json::from_str(&text).map_err(|error| BooksError::Content(error.to_string())),
    }
}

async fn desk(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let now = service.config.clock.seconds();
    let (payments, deliveries) = service
        .books
        .run(|db| Ok((PaymentRecord::latest(db, ROWS)?, Delivery::latest(db, ROWS)?)))
        .await?;
    pages::html(
        StatusCode::OK,
        &DeskPage::new(service.faults(), &payments, &deliveries, now),
    )
}

async fn read_faults(State(service): State<Arc<Service>>) -> Json<Faults> {
    Json(service.faults())
}

async fn change_faults(State(service): State<Arc<Service>>, body: Bytes) -> Result<Json<Faults>, Problem> {
    let change: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", error.to_string()))?;
    let faults = service.faults().merged(&change)?;
    service.set_faults(faults).await?;
    tracing::warn!(?faults, "faults changed");
    Ok(Json(faults))
}

async fn payment(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let none = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "PAYMENT_NOT_FOUND",
            "PayPay knows no such payment",
        )
    };
    let id: MerchantPaymentId = id.parse().map_err(|_| none())?;
    let Dossier {
        payment,
        refund,
        deliveries,
    } = service.dossier(id).await?.ok_or_else(none)?;
    Ok(Json(json!({
        "merchantPaymentId": payment.merchant_payment_id(),
        "paymentId": payment.payment_id,
        "status": payment.status,
        "amount": payment.amount,
        "codeId": payment.code_id,
        "codeState": payment.code_state(service.config.clock.seconds()),
        "url": payment.url,
        "expiresAt": payment.expires_at,
        "acceptedAt": payment.accepted_at,
        "cancelRequested": payment.cancel_requested,
        "isAuthorization": payment.request.is_authorization,
        "refunds": refund.iter().map(|refund| refund.told_as(RefundStatus::Refunded)).collect::<Vec<_>>(),
        "deliveries": deliveries,
    })))
}

async fn replay(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let none = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "WEBHOOK_NOT_FOUND",
            "no such webhook was ever recorded",
        )
    };
    let id = id.parse().map_err(|_| none())?;
    let again = service.replay(id).await?.ok_or_else(none)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": again }))).into_response())
}
