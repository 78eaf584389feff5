//! What a client gets when the host, not a component, answers: an RFC 9457 problem document with a stable code.

use super::{Body, request::RequestContext};
use http::{HeaderValue, Response, StatusCode, header};

/// Why a component did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It trapped, or returned an error instead of an answer.
    Internal,
    TimedOut,
    Overloaded,
    /// No route for the path.
    NotFound,
    BodyTooLarge,
    /// The client stopped in the middle of its request.
    BodyUnreadable,
    /// The client did not send its body in time.
    BodyTimedOut,
}

impl Failure {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "Something went wrong on our side",
            ),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", "The answer took too long"),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "OVERLOADED",
                "Too many requests at once; try again",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "There is nothing at this address",
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                "The body is too large",
            ),
            Self::BodyUnreadable => (
                StatusCode::BAD_REQUEST,
                "VALIDATION_FAILED",
                "The body could not be read",
            ),
            Self::BodyTimedOut => (
                StatusCode::REQUEST_TIMEOUT,
                "TIMEOUT",
                "The request took too long",
            ),
        }
    }

    /// The answer, but for `X-Request-Id`.
    pub(crate) fn respond(self, context: &RequestContext) -> Response<Body> {
        let (status, code, title) = self.parts();
        let document = serde_json::json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "code": code,
            "requestId": context.id.as_str(),
        })
        .to_string();
        let mut response = Response::new(Body::default());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self == Self::Overloaded {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // The rest of a body that was not read would be taken for the next request.
        if matches!(
            self,
            Self::BodyTooLarge | Self::BodyUnreadable | Self::BodyTimedOut
        ) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        *response.body_mut() = Body::whole(document);
        response
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::whole("")
    }
}
