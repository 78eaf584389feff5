use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Answer, Code, RequestContext};

/// The media type of problem documents (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What is wrong with one field of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: `items[0].quantity`, or the name of a query parameter or header.
    pub field: String,
    /// What, in words for a developer.
    pub message: String,
}

/// A problem document (RFC 9457) on its way to the caller.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {}", .0.code, .0.detail.as_deref().unwrap_or(.0.code.title()))]
// Boxed: it is the error of nearly every function, and should not make their answers large.
pub struct Problem(Box<Members>);

#[derive(Debug, Clone, PartialEq)]
struct Members {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with the code's own status and title, and no detail.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Members {
            code,
            detail: None,
            errors: Vec::new(),
            extensions: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// `VALIDATION_FAILED` for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::ValidationFailed).with_error(field, message)
    }

    /// `METHOD_NOT_ALLOWED` with the methods that are. HEAD is added where GET is.
    pub fn method_not_allowed(allowed: &[Method]) -> Self {
        let mut names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        let mut problem = Self::new(Code::MethodNotAllowed);
        if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
            problem.0.headers.push((header::ALLOW, value));
        }
        problem
    }

    /// What happened this time, in words. Never put secrets or another user's data here: the caller reads it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds what is wrong with a field.
    #[must_use]
    pub fn with_error(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds a member of one's own, for example `available`. The names of RFC 9457 and `code`, `requestId`, `errors` are taken.
    #[must_use]
    pub fn with_extension(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.into(), value.into());
        self
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.0
            .headers
            .push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// What is wrong with which field; empty if no single field is to blame.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Reads a problem document that another component sent, so that it can be passed on under our own request id.
    ///
    /// `None` if it is no problem document or its code is not one of ours.
    pub fn from_document(document: &[u8]) -> Option<Self> {
        let mut members: Map<String, Value> = serde_json::from_slice(document).ok()?;
        let code = Code::parse(members.remove("code")?.as_str()?)?;
        let detail = members
            .remove("detail")
            .and_then(|detail| detail.as_str().map(str::to_owned));
        let errors = members
            .remove("errors")
            .and_then(|errors| serde_json::from_value(errors).ok())
            .unwrap_or_default();
        for taken in ["type", "title", "status", "requestId"] {
            members.remove(taken);
        }
        Some(Self(Box::new(Members {
            code,
            detail,
            errors,
            extensions: members,
            headers: Vec::new(),
        })))
    }

    /// The problem as an answer to this request.
    pub fn into_answer(self, ctx: &RequestContext) -> Answer {
        let mut document = Map::new();
        document.insert("type".to_owned(), self.0.code.type_uri().into());
        document.insert("title".to_owned(), self.0.code.title().into());
        document.insert("status".to_owned(), self.0.code.status().as_u16().into());
        if let Some(detail) = self.0.detail {
            document.insert("detail".to_owned(), detail.into());
        }
        document.insert("code".to_owned(), self.0.code.as_str().into());
        document.insert("requestId".to_owned(), ctx.request_id.as_str().into());
        if !self.0.errors.is_empty() {
            let errors = self
                .0
                .errors
                .into_iter()
                .map(|error| serde_json::json!({"field": error.field, "message": error.message}));
            document.insert("errors".to_owned(), errors.collect());
        }
        for (name, value) in self.0.extensions {
            document.entry(name).or_insert(value);
        }
        let mut answer = http::Response::new(Full::new(Bytes::from(Value::Object(document).to_string())));
        *answer.status_mut() = self.0.code.status();
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in self.0.headers {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt as _;

    fn document(problem: Problem) -> Value {
        let answer = problem.into_answer(&RequestContext::for_test("GET", "/x"));
        assert_eq!(answer.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let body = futures::executor::block_on(answer.into_body().collect())
            .unwrap()
            .to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_problem_carries_type_title_status_code_request_id_and_errors() {
        let document = document(
            Problem::field("items[0].quantity", "from 1 to 99")
                .with_detail("one line is wrong")
                .with_extension("available", 3),
        );
        assert_eq!(
            document,
            serde_json::json!({
                "type": "https://kessai.example/problems/validation-failed",
                "title": "The request is not valid",
                "status": 400,
                "detail": "one line is wrong",
                "code": "VALIDATION_FAILED",
                "requestId": "test-request",
                "errors": [{"field": "items[0].quantity", "message": "from 1 to 99"}],
                "available": 3,
            })
        );
    }

    #[test]
    fn an_extension_cannot_replace_a_standard_member() {
        assert_eq!(
            document(Problem::new(Code::Internal).with_extension("status", 200))["status"],
            500
        );
    }

    #[test]
    fn a_document_that_passed_through_two_components_says_the_same() {
        let sent = Problem::new(Code::OutOfStock)
            .with_detail("product 7")
            .with_extension("available", 1)
            .with_error("items[0]", "short");
        let received = Problem::from_document(document(sent.clone()).to_string().as_bytes()).unwrap();
        assert_eq!(received, sent);
    }

    #[test]
    fn what_is_no_problem_of_ours_is_not_passed_on() {
        for text in ["", "[]", "{}", r#"{"code":"TEAPOT"}"#, r#"{"code":7}"#, "<html>"] {
            assert_eq!(Problem::from_document(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let answer = Problem::method_not_allowed(&[Method::GET, Method::POST])
            .into_answer(&RequestContext::for_test("PUT", "/x"));
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()[header::ALLOW], "GET, POST, HEAD");
    }
}
