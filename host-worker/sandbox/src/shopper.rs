//! The buyer's phone: the page behind the code's address, and its two buttons.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use paypay::ids::CodeId;
use serde_json::{Value, json};

use crate::books::{BooksError, PaymentRecord};
use crate::life::{Decision, Refusal};
use crate::pages::{self, PhonePage};
use crate::problem::Problem;
use crate::service::Service;

impl From<BooksError> for Problem {
    fn from(error: BooksError) -> Self {
        tracing::error!(%error, "the sandbox failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "the sandbox's books failed",
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::CodeExpired => "CODE_EXPIRED",
            Refusal::CodeDeleted => "CODE_DELETED",
            _ => "PAYMENT_DECIDED",
        };
        Self::new(StatusCode::CONFLICT, code, refusal.to_string())
    }
}

pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/sandbox/pay/{code_id}", get(phone))
        .route("/sandbox/codes/{code_id}/approve", post(approve))
        .route("/sandbox/codes/{code_id}/decline", post(decline))
}

fn no_code() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "CODE_NOT_FOUND",
        "the sandbox has no such code",
    )
}

async fn approve(
    State(service): State<Arc<Service>>,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    decide(&service, &code, Decision::Approve).await
}

async fn decline(
    State(service): State<Arc<Service>>,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    decide(&service, &code, Decision::Decline).await
}

async fn decide(service: &Service, code: &str, decision: Decision) -> Result<Json<Value>, Problem> {
    let code: CodeId = code.parse().map_err(|_| no_code())?;
    let payment = service.decide(code, decision).await?.ok_or_else(no_code)??;
    tracing::info!(
        merchant_payment_id = %payment.merchant_payment_id(),
        status = %payment.status,
        "the buyer decided"
    );
    Ok(Json(
        json!({ "paymentId": payment.payment_id, "status": payment.status }),
    ))
}

async fn phone(State(service): State<Arc<Service>>, Path(code): Path<String>) -> Result<Response, Problem> {
    let now = service.config.clock.seconds();
    let payment = match code.parse::<CodeId>() {
        Ok(code) => {
            service
                .books
                .run(move |db| PaymentRecord::of_code(db, &code))
                .await?
        }
        Err(_) => None,
    };
    let status = if payment.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let page = PhonePage::new(&service.config.shop_name, payment.as_ref(), now);
    pages::html(status, &page)
}
