//! PayPay's API over a wire: signs, sends, logs, reads the answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edge::RequestContext;
use paypay::result;
use paypay::signing::{Body, Credentials, Signed, sign};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::fault::Fault;
use crate::wire::{Wire, WireError};

/// For all calls of one function together; the contract's 5 s less what the database takes.
const TIME_LIMIT: Duration = Duration::from_millis(4_500);

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
    started: Instant,
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
            started: Instant::now(),
        }
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.context
    }

    /// A call whose answer's data matters.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let (status, body) = self.call("GET", path, None).await?;
        Ok(result::read(status, &body)?)
    }

    /// A call with a body whose answer's data matters.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        let body = serde_json::to_vec(body).map_err(Fault::invalid)?;
        let (status, body) = self.call("POST", path, Some(body.into())).await?;
        Ok(result::read(status, &body)?)
    }

    /// A call of which only success matters.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Fault> {
        let (status, body) = self.call("DELETE", path, None).await?;
        Ok(result::read_done(status, &body)?)
    }

    async fn call(&self, method: &str, path: &str, body: Option<Bytes>) -> Result<(u16, Bytes), WireError> {
        let started = Instant::now();
        let answer = match TIME_LIMIT.checked_sub(self.started.elapsed()) {
            Some(left) => self.wire.send(self.request(method, path, body)?, left).await,
            None => Err(WireError::NotSent("no time left for another call".to_owned())),
        };
        let fields = json!({
            "method": method,
            "path": path,
            "status": answer.as_ref().ok().map(|(status, _)| *status),
            "resultCode": answer.as_ref().ok().and_then(|(_, body)| result_code(body)),
            "error": answer.as_ref().err().map(ToString::to_string),
            "durationMs": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if answer.is_ok() {
            edge::log::info(&self.context, "paypay_call", fields);
        } else {
            edge::log::warn(&self.context, "paypay_call", fields);
        }
        answer
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

fn result_code(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("resultInfo")?.get("code")?.as_str()?.to_owned())
}

/// Seconds since 1970, PayPay's unit.
pub(crate) fn now_seconds() -> i64 {
    store::clock::now_ms().div_euclid(1000)
}
