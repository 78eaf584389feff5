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
use serde_json::{Value, json};

use crate::books::{Delivery, PaymentRecord};
use crate::faults::Faults;
use crate::pages::{self, Desk, DeskPage};
use crate::problem::Problem;
use crate::service::{ChangeError, Dossier, Service};

/// How many of the latest payments the desk shows.
const PAYMENTS: u32 = 50;
/// And how many of the latest webhooks.
const DELIVERIES: u32 = 150;

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Faults(error) => Self::invalid(error.field.clone(), error.to_string()),
            ChangeError::Books(error) => error.into(),
        }
    }
}

pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/sandbox", get(desk))
        .route("/sandbox/", get(desk))
        .route("/sandbox/faults", get(read_faults).put(change_faults))
        .route(
            "/sandbox/faults/{id}",
            get(read_own_faults).put(change_own_faults).delete(forget_faults),
        )
        .route("/sandbox/payments/{id}", get(payment))
        .route("/sandbox/webhooks/{id}/replay", post(replay))
}

async fn desk(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let (payments, deliveries) = service
        .books
        .run(|db| {
            Ok((
                PaymentRecord::latest(db, PAYMENTS)?,
                Delivery::latest(db, DELIVERIES)?,
            ))
        })
        .await?;
    let desk = Desk {
        faults: service.faults.set_for(None).unwrap_or_default(),
        own_faults: service.faults.own(),
        payments,
        deliveries,
        now: service.config.clock.seconds(),
    };
    pages::html(StatusCode::OK, &DeskPage::new(desk))
}

async fn read_faults(State(service): State<Arc<Service>>) -> Json<Faults> {
    Json(service.faults.set_for(None).unwrap_or_default())
}

async fn change_faults(State(service): State<Arc<Service>>, body: Bytes) -> Result<Json<Faults>, Problem> {
    change(&service, None, &body).await
}

fn no_faults() -> Problem {
    let detail = "the payment has no faults of its own";
    Problem::new(StatusCode::NOT_FOUND, "FAULTS_NOT_FOUND", detail)
}

/// The payment need not exist yet, but could.
fn merchant_payment_id(id: &str) -> Result<String, Problem> {
    match id.parse::<MerchantPaymentId>() {
        Ok(id) => Ok(id.to_string()),
        Err(error) => Err(Problem::invalid("merchantPaymentId", error.to_string())),
    }
}

async fn read_own_faults(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Faults>, Problem> {
    let faults = service.faults.set_for(Some(&merchant_payment_id(&id)?));
    faults.map(Json).ok_or_else(no_faults)
}

async fn change_own_faults(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Faults>, Problem> {
    change(&service, Some(merchant_payment_id(&id)?), &body).await
}

async fn change(service: &Service, payment: Option<String>, body: &[u8]) -> Result<Json<Faults>, Problem> {
    let change: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", error.to_string()))?;
    let faults = service.change_faults(payment.clone(), &change).await?;
    tracing::warn!(payment, ?faults, "faults changed");
    Ok(Json(faults))
}

async fn forget_faults(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if service.forget_faults(merchant_payment_id(&id)?).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_faults())
    }
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
        "faults": service.faults.of(payment.merchant_payment_id().as_str()),
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
