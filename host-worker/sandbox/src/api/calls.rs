//! One handler for each call: parse, ask the service, put the answer into the envelope.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use paypay::codes::CreateCode;
use paypay::ids::IdError;
use paypay::payments::{Capture, Revert};
use paypay::refunds::CreateRefund;
use paypay::request::RequestError;
use paypay::result::ResultCode;
use serde_json::{Map, Value};

use super::success;
use crate::service::{OpaRefusal, Service};

type Answer = Result<Response, OpaRefusal>;

impl From<RequestError> for OpaRefusal {
    fn from(error: RequestError) -> Self {
        Self::new(400, error.result_code(), error)
    }
}

/// An id in the path that nobody could have been given is one that is not found.
fn id<T: std::str::FromStr<Err = IdError>>(text: &str, not_found: ResultCode) -> Result<T, OpaRefusal> {
    text.parse()
        .map_err(|error| OpaRefusal::new(404, not_found, format!("the id {error}")))
}

pub(super) async fn create_code(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    let request = CreateCode::parse(&body)?;
    let code = service.create_code(request.clone()).await?;
    // PayPay's answer is the request's fields and the code's.
    let mut data = Map::new();
    for part in [serde_json::to_value(&request), serde_json::to_value(&code)] {
        if let Ok(Value::Object(fields)) = part {
            data.extend(fields);
        }
    }
    Ok(success(201, Some(data)))
}

pub(super) async fn delete_code(State(service): State<Arc<Service>>, Path(code_id): Path<String>) -> Answer {
    service
        .delete_code(id(&code_id, ResultCode::DynamicQrNotFound)?)
        .await?;
    Ok(success(200, None::<()>))
}

pub(super) async fn details(State(service): State<Arc<Service>>, Path(payment): Path<String>) -> Answer {
    let payment = service
        .details(id(&payment, ResultCode::DynamicQrPaymentNotFound)?)
        .await?;
    Ok(success(200, Some(payment)))
}

pub(super) async fn cancel(State(service): State<Arc<Service>>, Path(payment): Path<String>) -> Answer {
    service
        .cancel(id(&payment, ResultCode::DynamicQrPaymentNotFound)?)
        .await?;
    Ok(success(202, None::<()>))
}

pub(super) async fn capture(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    Ok(success(200, Some(service.capture(Capture::parse(&body)?).await?)))
}

pub(super) async fn revert(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    Ok(success(202, Some(service.revert(Revert::parse(&body)?).await?)))
}

pub(super) async fn refund(State(service): State<Arc<Service>>, body: Bytes) -> Answer {
    Ok(success(
        201,
        Some(service.refund(CreateRefund::parse(&body)?).await?),
    ))
}

pub(super) async fn refund_details(
    State(service): State<Arc<Service>>,
    Path(refund): Path<String>,
) -> Answer {
    Ok(success(
        200,
        Some(
            service
                .refund_details(id(&refund, ResultCode::NoSuchRefundOrder)?)
                .await?,
        ),
    ))
}

pub(super) async fn unknown() -> OpaRefusal {
    OpaRefusal::new(404, ResultCode::UnacceptableOp, "the sandbox has no such call")
}
