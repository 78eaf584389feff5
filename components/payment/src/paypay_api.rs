//! PayPay's API over a wire: signs, sends, logs, reads the answer.

use std::time::Duration;

use bytes::Bytes;
use edge::RequestContext;
use paypay::result::{self, AnswerError};
use paypay::retry_after;
use paypay::signing::{Body, Credentials, Signed, sign};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::fault::Fault;
use crate::patience::{CALL_LIMIT, CREATE_LIMIT, FUNCTION_LIMIT, SHORTEST_CALL};
use crate::wire::{Answer, Wire, WireError};

const JSON: &str = "application/json";

/// Who we are at PayPay, and where PayPay is.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Without a slash at the end.
    pub base_url: String,
    pub credentials: Credentials,
    pub merchant_id: String,
}

/// PayPay for the length of one gateway function.
pub(crate) struct Paypay<W> {
    wire: W,
    account: Account,
    context: RequestContext,
}

impl<W: Wire> Paypay<W> {
    /// `traceparent`: the caller's span; empty or malformed: a trace of its own.
    pub(crate) fn new(wire: W, account: Account, traceparent: &str) -> Self {
        let request = http::Request::builder()
            .header("traceparent", traceparent)
            .body(());
        let context = request.map_or_else(
            |_| RequestContext::internal(),
            |r| RequestContext::from_parts(r.into_parts().0),
        );
        Self {
            wire,
            account,
            context,
        }
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.context
    }

    /// What is left of the function's time.
    pub(crate) fn left(&self) -> Duration {
        FUNCTION_LIMIT.saturating_sub(self.wire.elapsed())
    }

    pub(crate) async fn pause(&self, duration: Duration) {
        self.wire.pause(duration).await;
    }

    /// Reads. A failed reading leaves nothing in doubt.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.call("GET", path, None, CALL_LIMIT, result::read)
            .await
            .map_err(Fault::of_reading)
    }

    /// The call that makes a code; it has more time than the others, since it is made only once.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        self.call("POST", path, Some(json_bytes(body)?), CREATE_LIMIT, result::read)
            .await
    }

    /// A call with a body whose answer's data matters.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        self.call("POST", path, Some(json_bytes(body)?), CALL_LIMIT, result::read)
            .await
    }

    /// A call with a body of which only success matters.
    pub(crate) async fn post_done(&self, path: &str, body: &impl Serialize) -> Result<(), Fault> {
        let body = Some(json_bytes(body)?);
        self.call("POST", path, body, CALL_LIMIT, result::read_done).await
    }

    /// A call without a body of which only success matters.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Fault> {
        self.call("DELETE", path, None, CALL_LIMIT, result::read_done)
            .await
    }

    async fn call<T>(
        &self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
        limit: Duration,
        read: impl FnOnce(u16, &[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, Fault> {
        let left = self.left();
        if left < SHORTEST_CALL {
            return Err(Fault::unavailable("no time left for another call"));
        }
        let started = self.wire.elapsed();
        let request = self.request(method, path, body)?;
        let answer = self.wire.send(request, limit.min(left)).await;
        self.log(method, path, &answer, self.wire.elapsed().saturating_sub(started));
        let answer = answer?;
        read(answer.status, &answer.body).map_err(|error| {
            let again = answer.retry_after.as_deref();
            Fault::of_answer(
                &error,
                again.and_then(|value| retry_after::parse(value, now_seconds())),
            )
        })
    }

    fn log(&self, method: &str, path: &str, answer: &Result<Answer, WireError>, took: Duration) {
        let came = answer.as_ref().ok();
        let fields = json!({
            "method": method,
            "path": path,
            "status": came.map(|answer| answer.status),
            "resultCode": came.and_then(|answer| result_code(&answer.body)),
            "retryAfter": came.and_then(|answer| answer.retry_after.as_deref()),
            "error": answer.as_ref().err().map(ToString::to_string),
            "durationMs": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        if answer.is_ok() {
            edge::log::info(&self.context, "paypay_call", fields);
        } else {
            edge::log::warn(&self.context, "paypay_call", fields);
        }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<http::Request<Bytes>, WireError> {
        let Account {
            base_url,
            credentials,
            merchant_id,
        } = &self.account;
        let signed = Signed {
            method,
            path,
            body: body.as_ref().map(|bytes| Body {
                content_type: JSON,
                bytes,
            }),
        };
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let authorization = sign(credentials, &signed, &nonce, now_seconds()).to_string();
        let body = body.unwrap_or_default();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{base_url}{path}"))
            .header("authorization", authorization)
            .header("x-assume-merchant", merchant_id)
            .header("x-request-id", &self.context.request_id)
            .header("traceparent", self.context.trace.child().traceparent())
            .header("content-length", body.len());
        if !body.is_empty() {
            request = request.header("content-type", JSON);
        }
        request
            .body(body)
            .map_err(|error| WireError::NotSent(error.to_string()))
    }
}

fn json_bytes(body: &impl Serialize) -> Result<Bytes, Fault> {
    Ok(serde_json::to_vec(body).map_err(Fault::invalid)?.into())
}

fn result_code(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("resultInfo")?.get("code")?.as_str()?.to_owned())
}

/// Seconds since 1970, PayPay's unit.
pub(crate) fn now_seconds() -> i64 {
    store::clock::now_ms().div_euclid(1000)
}
