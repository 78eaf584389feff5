//! Refusals as RFC 9457 problem documents, with the codes of the shop's API.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;

const REQUEST_ID: &str = "x-request-id";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    ValidationFailed,
    MalformedJson,
    Unauthenticated,
    OriginRejected,
    Forbidden,
    NotFound,
    AlertNotFound,
    MethodNotAllowed,
    AlertConflict,
    BodyTooLarge,
    UnsupportedMediaType,
    Internal,
    SessionStoreUnavailable,
}

impl Refusal {
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::ValidationFailed => (400, "VALIDATION_FAILED", "The request is not valid"),
            Refusal::MalformedJson => (400, "MALFORMED_JSON", "The body is not JSON"),
            Refusal::Unauthenticated => (401, "UNAUTHENTICATED", "Log in first"),
            Refusal::OriginRejected => (403, "ORIGIN_REJECTED", "The request comes from another origin"),
            Refusal::Forbidden => (403, "FORBIDDEN", "Not allowed"),
            Refusal::NotFound => (404, "NOT_FOUND", "There is nothing at this address"),
            Refusal::AlertNotFound => (404, "ALERT_NOT_FOUND", "There is no such alert"),
            Refusal::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED", "The method is not allowed here"),
            Refusal::AlertConflict => (409, "ALERT_CONFLICT", "The alert does not allow this now"),
            Refusal::BodyTooLarge => (413, "BODY_TOO_LARGE", "The body is too large"),
            Refusal::UnsupportedMediaType => {
                (415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json")
            }
            Refusal::Internal => (500, "INTERNAL", "Something went wrong on our side"),
            Refusal::SessionStoreUnavailable => (
                503,
                "SESSION_STORE_UNAVAILABLE",
                "Nobody can tell who is logged in at this moment",
            ),
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    refusal: Refusal,
    detail: Option<String>,
    field: Option<(&'static str, String)>,
}

impl Problem {
    pub(super) fn new(refusal: Refusal) -> Problem {
        Problem {
            refusal,
            detail: None,
            field: None,
        }
    }

    pub(super) fn field(field: &'static str, message: impl Into<String>) -> Problem {
        Problem {
            field: Some((field, message.into())),
            ..Problem::new(Refusal::ValidationFailed)
        }
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    /// The answer to a request with these headers.
    pub(super) fn respond(self, headers: &HeaderMap) -> Response {
        let (status, code, title) = self.refusal.parts();
        let request_id = request_id(headers);
        let mut document = json!({"type": "about:blank", "title": title, "status": status, "code": code, "requestId": request_id});
        if let Some(detail) = self.detail {
            document["detail"] = detail.into();
        }
        if let Some((field, message)) = self.field {
            document["errors"] = json!([{"field": field, "message": message}]);
        }
        let mut answer = Response::new(Body::from(document.to_string()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let media_type = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
        stamp(answer.headers_mut(), &request_id);
        answer
    }
}

/// The caller's request id if it is one, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// What every answer carries.
pub(super) fn stamp(headers: &mut HeaderMap, request_id: &str) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
}
