//! PayPay's API as merchants see it.

mod calls;
mod guard;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use paypay::result::{Envelope, ResultCode, ResultInfo};
use serde::Serialize;

use crate::service::{OpaRefusal, Service};

/// `/v2/…`, behind the signature check.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v2/codes", post(calls::create_code))
        .route("/v2/codes/{code_id}", delete(calls::delete_code))
        .route("/v2/codes/payments/{id}", get(calls::details))
        .route("/v2/payments/{id}", get(calls::details).delete(calls::cancel))
        .route("/v2/payments/capture", post(calls::capture))
        .route("/v2/payments/preauthorize/revert", post(calls::revert))
        .route("/v2/refunds", post(calls::refund))
        // The official Python SDK posts here.
        .route("/v2/refunds/", post(calls::refund))
        .route("/v2/refunds/{id}", get(calls::refund_details))
        .route("/v2/{*rest}", axum::routing::any(calls::unknown))
        .method_not_allowed_fallback(calls::unknown)
        .layer(from_fn_with_state(Arc::clone(&service), guard::guard))
        .with_state(service)
}

/// PayPay's number for a result. Only success's is PayPay's own; the rest are the sandbox's.
fn number(code: &ResultCode) -> &'static str {
    match code {
        ResultCode::Success | ResultCode::RequestAccepted => "08100001",
        ResultCode::InvalidRequestParams => "08100006",
        ResultCode::MissingRequestParams => "08100007",
        ResultCode::Unauthorized => "08100016",
        ResultCode::InternalServerError => "08100999",
        _ => "08100100",
    }
}

/// PayPay's envelope as a response. The result code travels in the extensions too, for the log.
fn envelope<T: Serialize>(status: u16, code: ResultCode, message: String, data: Option<T>) -> Response {
    let code_id = number(&code).to_owned();
    let answer = Envelope {
        result: ResultInfo {
            code: code.clone(),
            message,
            code_id,
        },
        data,
    };
    let Ok(body) = serde_json::to_string(&answer) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, kind, body).into_response();
    response.extensions_mut().insert(Answered(code));
    response
}

#[derive(Clone)]
struct Answered(ResultCode);

fn success<T: Serialize>(status: u16, data: Option<T>) -> Response {
    let code = if status == 202 {
        ResultCode::RequestAccepted
    } else {
        ResultCode::Success
    };
    envelope(status, code, "Success".to_owned(), data)
}

impl IntoResponse for OpaRefusal {
    fn into_response(self) -> Response {
        envelope(self.status, self.code, self.message, None::<()>)
    }
}
