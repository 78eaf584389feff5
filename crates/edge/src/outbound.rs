//! Calls to other components and services: the request id and the trace go with them, and none takes for ever.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{REQUEST_ID, TRACEPARENT};
use crate::{Answer, Code, Problem, RequestContext, respond};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A call that brought no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{to} did not answer within {} ms", .limit.as_millis())]
    Timeout { to: String, limit: Duration },
    #[error("{to} cannot be reached: {reason}")]
    Unreachable { to: String, reason: String },
    #[error("{to} answered with something else than was agreed: {reason}")]
    Unexpected { to: String, reason: String },
    #[error("the call cannot be made: {0}")]
    Request(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Timeout { .. } => Code::Timeout,
            Error::Unreachable { .. } => Code::ServiceUnavailable,
            Error::Unexpected { .. } | Error::Request(_) => Code::Internal,
        };
        Problem::new(code).with_detail(error.to_string())
    }
}

/// One call on its way: `Call::get(url).header("x-user-id", user).send(ctx).await`.
#[derive(Debug, Clone)]
#[must_use = "a call is made by `send`"]
pub struct Call {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    limit: Duration,
}

impl Call {
    /// A call with the default limit of 5 s.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            limit: Duration::from_secs(5),
        }
    }

    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends `value` as JSON.
    ///
    /// # Errors
    /// [`Error::Request`] if it cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, Error> {
        self.body = serde_json::to_vec(value)
            .map_err(|error| Error::Request(error.to_string()))?
            .into();
        Ok(self.header("content-type", "application/json"))
    }

    /// How long the whole call may take, the reading of the answer included.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Makes the call.
    ///
    /// # Errors
    /// Only if there was no answer; one with a status of 400 or more is an answer.
    pub async fn send(self, ctx: &RequestContext) -> Result<Reply, Error> {
        let to = destination(&self.url);
        let limit = self.limit;
        let exchange = std::pin::pin!(exchange(self.request(ctx)?, to.clone()));
        let alarm = std::pin::pin!(spin_sdk::time::sleep(limit));
        match select(exchange, alarm).await {
            Either::Left((reply, _)) => reply,
            Either::Right(((), _)) => Err(Error::Timeout { to, limit }),
        }
    }

    fn request(self, ctx: &RequestContext) -> Result<http::Request<Full<Bytes>>, Error> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(&self.url)
            .header(REQUEST_ID, &ctx.request_id)
            .header(TRACEPARENT, ctx.trace.child().traceparent())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
            .body(Full::new(self.body))
            .map_err(|error| Error::Request(error.to_string()))
    }
}

async fn exchange(request: http::Request<Full<Bytes>>, to: String) -> Result<Reply, Error> {
    let unreachable = |reason: String| Error::Unreachable {
        to: to.clone(),
        reason,
    };
    let response = spin_sdk::http::send(request)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let (parts, body) = response.into_parts();
    let body = read(body).await.map_err(|error| match error {
        ReadError::Broken(reason) => unreachable(reason),
        ReadError::TooLarge => Error::Unexpected {
            to: to.clone(),
            reason: format!("more than {LARGEST_ANSWER} bytes"),
        },
    })?;
    Ok(Reply {
        to,
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

enum ReadError {
    Broken(String),
    TooLarge,
}

async fn read<B: crate::Body>(body: B) -> Result<Bytes, ReadError> {
    use http_body_util::BodyExt as _;
    let mut body = std::pin::pin!(body);
    let mut whole = bytes::BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame
            .map_err(|error| ReadError::Broken(error.to_string()))?
            .into_data()
        {
            if whole.len() + chunk.len() > LARGEST_ANSWER {
                return Err(ReadError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
    }
    Ok(whole.freeze())
}

/// The host alone: a path may hold ids, and a query anything.
fn destination(url: &str) -> String {
    url.parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.authority().map(ToString::to_string))
        .unwrap_or_else(|| "the service".to_owned())
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    to: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The body of a successful answer as JSON; a problem document of ours as that problem.
    ///
    /// # Errors
    /// The callee's problem, or `INTERNAL` if the answer is neither.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.status.is_success() {
            return Err(self.problem());
        }
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(error.to_string()).into())
    }

    /// The answer as our own: JSON byte for byte with its status and `ETag`, or the callee's problem under our request id.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn pass_on(self) -> Result<Answer, Problem> {
        if !self.status.is_success() && self.status != StatusCode::NOT_MODIFIED {
            return Err(self.problem());
        }
        let mut answer = if self.body.is_empty() {
            respond::empty(self.status)
        } else {
            respond::json_text(self.status, self.body)
        };
        for name in [header::ETAG, header::CACHE_CONTROL] {
            if let Some(value) = self.headers.get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        Ok(answer)
    }

    /// The problem that a refusal tells of, with its `Retry-After`.
    pub fn problem(&self) -> Problem {
        let Some(problem) = Problem::from_document(&self.body) else {
            return self.unexpected(format!("status {}", self.status.as_u16())).into();
        };
        let retry_after = self
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        match retry_after {
            Some(seconds) => problem.with_retry_after(seconds),
            None => problem,
        }
    }

    /// An answer for tests of what is made of it.
    #[cfg(any(test, feature = "test-support"))]
    pub fn for_test(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            to: "the service".to_owned(),
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    fn unexpected(&self, reason: String) -> Error {
        Error::Unexpected {
            to: self.to.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::TraceContext;

    fn reply(status: u16, body: &'static str) -> Reply {
        Reply::for_test(StatusCode::from_u16(status).unwrap(), body)
    }

    #[test]
    fn a_call_carries_the_request_id_and_a_child_span() {
        let ctx = RequestContext::for_test("GET", "/x");
        let request = Call::post("http://order.spin.internal/orders")
            .json(&[1])
            .unwrap()
            .request(&ctx)
            .unwrap();
        assert_eq!(request.headers()["x-request-id"], "test-request");
        assert_eq!(request.headers()["content-length"], "3");
        assert_eq!(request.headers()["content-type"], "application/json");
        let trace = TraceContext::parse(request.headers()["traceparent"].to_str().unwrap()).unwrap();
        assert_eq!(trace.trace_id(), ctx.trace.trace_id());
        assert_ne!(trace.span_id(), ctx.trace.span_id());
    }

    #[test]
    fn the_callees_problem_is_passed_on() {
        let problem = reply(409, r#"{"code":"ORDER_FINAL","detail":"paid","status":409}"#)
            .pass_on()
            .unwrap_err();
        assert_eq!(
            (problem.code(), problem.detail()),
            (Code::OrderFinal, Some("paid"))
        );
    }

    #[test]
    fn a_failure_that_is_no_problem_document_is_our_own() {
        assert_eq!(
            reply(502, "<html>").json::<u32>().unwrap_err().code(),
            Code::Internal
        );
        assert_eq!(
            reply(200, "<html>").json::<u32>().unwrap_err().code(),
            Code::Internal
        );
        assert_eq!(reply(200, "7").json::<u32>().unwrap(), 7);
    }

    #[test]
    fn no_error_repeats_the_path_or_query_that_was_called() {
        assert_eq!(
            destination("http://order.spin.internal/orders/K1?token=abc"),
            "order.spin.internal"
        );
    }
}
