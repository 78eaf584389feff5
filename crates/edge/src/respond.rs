//! Answers. [`crate::serve`] adds what every answer carries: content-length, request id, `no-store`, `nosniff`.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use crate::{Answer, Code, Problem};

/// JSON with the given status.
///
/// # Errors
/// `INTERNAL` if the value cannot be written as JSON (a map with keys that are not strings, say).
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(value)
        .map_err(|error| Problem::new(Code::Internal).with_detail(error.to_string()))?;
    Ok(bytes(status, "application/json", body))
}

/// JSON that is written already, for example the recorded answer to an idempotent request.
pub fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    bytes(status, "application/json", text)
}

/// A body of any type.
pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// No body: 204, 304.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = http::Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// Adds a header to an answer; a second one of the same name is kept beside the first, as `Set-Cookie` needs.
///
/// # Errors
/// `INTERNAL` if the value holds a character that a header cannot.
pub fn with_header(mut answer: Answer, name: HeaderName, value: &str) -> Result<Answer, Problem> {
    let value = HeaderValue::from_str(value).map_err(|_| {
        Problem::new(Code::Internal).with_detail(format!("the header {name} would hold a control character"))
    })?;
    answer.headers_mut().append(name, value);
    Ok(answer)
}
