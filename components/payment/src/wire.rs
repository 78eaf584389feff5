//! HTTP to PayPay, with the one distinction that money depends on: whether a failed call can have been received.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Full, Limited};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// For the connection alone. Long enough for one lost packet to be sent again, short enough for a checkout to be told while its buyer waits.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_200);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The request never left: PayPay has not seen it.
    #[error("{0}")]
    NotSent(String),
    /// The request was on its way: PayPay may have acted on it.
    #[error("{0}")]
    Broken(String),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    pub body: Bytes,
}

/// A way to send a request, and the time it takes.
///
/// # Contract
///
/// `send` ends within `limit`, and answers [`WireError::NotSent`] only if the request cannot have arrived. `elapsed` counts from when the wire was
/// made; `send` and `pause` let it grow.
pub(crate) trait Wire {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<Answer, WireError>;

    async fn pause(&self, duration: Duration);

    fn elapsed(&self) -> Duration;
}

/// The host's outbound HTTP.
pub(crate) struct Outbound {
    since: Instant,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
        }
    }
}

impl Wire for Outbound {
    async fn send(&self, mut request: http::Request<Bytes>, limit: Duration) -> Result<Answer, WireError> {
        if let Some(options) = options(limit) {
            request.extensions_mut().insert(options);
        }
        let exchange = std::pin::pin!(exchange(request.map(Full::new)));
        let alarm = std::pin::pin!(spin_sdk::time::sleep(limit));
        match select(exchange, alarm).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(WireError::Broken(format!(
                "no answer within {} ms",
                limit.as_millis()
            ))),
        }
    }

    async fn pause(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// `None`: the host has no limit for connections, so a connection that hangs ends at the call's.
fn options(limit: Duration) -> Option<RequestOptionsExtension> {
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(CONNECT_LIMIT.min(limit).as_nanos()).ok();
    options.set_connect_timeout(nanoseconds).ok()?;
    Some(RequestOptionsExtension(options))
}

async fn exchange(request: http::Request<Full<Bytes>>) -> Result<Answer, WireError> {
    let answer = spin_sdk::http::send(request).await.map_err(|error| {
        let reason = error.to_string();
        if never_left(&error) {
            WireError::NotSent(reason)
        } else {
            WireError::Broken(reason)
        }
    })?;
    let status = answer.status().as_u16();
    let retry_after = answer
        .headers()
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| WireError::Broken(error.to_string()))?;
    Ok(Answer {
        status,
        retry_after,
        body: body.to_bytes(),
    })
}

/// Whether there was no connection to send the request on. Hosts that keep connections open may find one closed only as they send: that is
/// `ConnectionTerminated`, and in doubt.
fn never_left(error: &ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            // Of the attempt to connect; a time-out on a connection that stands is `ConnectionReadTimeout` or `ConnectionWriteTimeout`.
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_)
            | ErrorCode::HttpRequestDenied
            | ErrorCode::HttpRequestUriInvalid
            | ErrorCode::HttpRequestMethodInvalid
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_without_a_connection_is_known_to_have_had_no_effect() {
        for known in [
            ErrorCode::ConnectionRefused,
            ErrorCode::ConnectionTimeout,
            ErrorCode::HttpRequestDenied,
        ] {
            assert!(never_left(&known), "{known:?}");
        }
        for doubtful in [
            ErrorCode::ConnectionTerminated,
            ErrorCode::ConnectionReadTimeout,
            ErrorCode::ConnectionWriteTimeout,
            ErrorCode::HttpResponseTimeout,
            ErrorCode::HttpResponseIncomplete,
            ErrorCode::InternalError(None),
        ] {
            assert!(!never_left(&doubtful), "{doubtful:?}");
        }
    }
}
