//! One handler for each call: parse, ask the service, put the answer into the envelope.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use paypay::codes::CreateCode;
use paypay::ids::IdError;
use paypay::payments::{Capture, Revert};
use paypay::refunds::CreateRefund;
use serde_json::{Map, Value, json};

use super::answer::{envelope, success};
use crate::opa::{self, OpaRefusal, OpaResult};
use crate::service::{Captured, Service};

type Answer = Result<Response, OpaRefusal>;

/// An id in the path that nobody could have been given is one that is not found.
fn id<T: std::str::FromStr<Err = IdError>>(text: &str, not_found: OpaResult) -> Result<T, OpaRefusal> {
    text.parse()
        .map_err(|error| OpaRefusal::new(not_found, format!("the id {error}")))
}

/// `authorizationExpiry`, epoch seconds, of which [`CreateCode`] knows nothing.
fn authorization_expiry(body: &[u8]) -> Result<Option<i64>, OpaRefusal> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let refused = || {
        OpaRefusal::new(
            opa::INVALID_REQUEST,
            "authorizationExpiry must be whole epoch seconds",
        )
    };
    match body.get("authorizationExpiry") {
        None | Some(Value::Null) => Ok(None),
        Some(seconds) => Ok(Some(seconds.as_i64().ok_or_else(refused)?)),
    }
}

pub(super) async fn create_code(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    let request = CreateCode::parse(&body)?;
    let code = service
        .create_code(request.clone(), authorization_expiry(&body)?)
        .await?;
    // PayPay's answer is the request's fields and the code's.
    let mut data = Map::new();
    for part in [serde_json::to_value(&request), serde_json::to_value(&code)] {
        if let Ok(Value::Object(fields)) = part {
            data.extend(fields);
        }
    }
    Ok(success(opa::CREATED, Some(data)))
}

pub(super) async fn delete_code(State(service): State<Arc<Service>>, Path(code_id): Path<String>) -> Answer {
    service.delete_code(id(&code_id, opa::NO_CODE)?).await?;
    Ok(success(opa::DONE, Some(json!({ "qrStatus": "DELETED" }))))
}

pub(super) async fn details(State(service): State<Arc<Service>>, Path(payment): Path<String>) -> Answer {
    let payment = service.details(id(&payment, opa::NO_PAYMENT)?).await?;
    Ok(success(opa::DONE, Some(payment)))
}

pub(super) async fn cancel(State(service): State<Arc<Service>>, Path(payment): Path<String>) -> Answer {
    service.cancel(id(&payment, opa::NO_PAYMENT)?).await?;
    Ok(success(opa::ACCEPTED, None::<()>))
}

pub(super) async fn capture(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    Ok(match service.capture(Capture::parse(&body)?).await? {
        Captured::Done(payment) => success(opa::DONE, Some(payment)),
        Captured::AwaitsBuyer => {
            let message = "the buyer is asked to agree to the higher amount";
            envelope(opa::USER_CONFIRMATION, message.to_owned(), None::<()>)
        }
    })
}

pub(super) async fn revert(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    let (payment, revert) = service.revert(Revert::parse(&body)?).await?;
    let revert = revert.as_ref();
    let data = json!({
        "status": payment.status,
        "paymentId": payment.payment_id,
        "acceptedAt": revert.map(|revert| revert.accepted_at),
        "requestedAt": revert.map(|revert| revert.requested_at),
        "reason": revert.and_then(|revert| revert.reason.as_deref()),
    });
    Ok(success(opa::DONE, Some(data)))
}

pub(super) async fn refund(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    let refund = service.refund(CreateRefund::parse(&body)?).await?;
    Ok(success(opa::CREATED, Some(refund)))
}

/// The `paymentId` of the query is in PayPay's documentation, but its SDKs do not send it.
pub(super) async fn refund_details(
    State(service): State<Arc<Service>>,
    Path(refund): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let payment = query
        .get("paymentId")
        .map(|payment| id(payment, opa::NO_REFUND))
        .transpose()?;
    let refund = service
        .refund_details(id(&refund, opa::NO_REFUND)?, payment)
        .await?;
    Ok(success(opa::DONE, Some(refund)))
}

pub(super) async fn unknown() -> OpaRefusal {
    OpaRefusal::new(opa::NO_CALL, "the sandbox has no such call")
}
