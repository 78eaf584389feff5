//! PayPay's envelope around every answer.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use paypay::result::{Envelope, ResultCode, ResultInfo};
use serde::Serialize;

use crate::opa::{OpaRefusal, OpaResult};

/// The result code travels in the response's extensions too, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered(pub &'static str);

/// `data`: null if there is none.
pub(super) fn envelope<T: Serialize>(result: OpaResult, message: String, data: Option<T>) -> Response {
    let answer = Envelope {
        result: ResultInfo {
            code: ResultCode::from(result.code),
            message,
            code_id: result.number.to_owned(),
        },
        data,
    };
    let Ok(body) = serde_json::to_string(&answer) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(result.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, kind, body).into_response();
    response.extensions_mut().insert(Answered(result.code));
    response
}

pub(super) fn success<T: Serialize>(result: OpaResult, data: Option<T>) -> Response {
    envelope(result, "Success".to_owned(), data)
}

impl IntoResponse for OpaRefusal {
    fn into_response(self) -> Response {
        envelope(self.result, self.message, None::<()>)
    }
}
