//! HTTP to PayPay, with the one distinction that money depends on: whether a failed call can have been received.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Full, Limited};
use spin_sdk::wasip3::http::types::ErrorCode;

/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

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

/// A way to send a request.
///
/// # Contract
///
/// Ends within `limit`. Answers [`WireError::NotSent`] only if the request cannot have arrived.
pub(crate) trait Wire {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<(u16, Bytes), WireError>;
}

/// The host's outbound HTTP.
pub(crate) struct Outbound;

impl Wire for Outbound {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<(u16, Bytes), WireError> {
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
}

async fn exchange(request: http::Request<Full<Bytes>>) -> Result<(u16, Bytes), WireError> {
    let answer = spin_sdk::http::send(request).await.map_err(|error| {
        let reason = error.to_string();
        if never_left(&error) {
            WireError::NotSent(reason)
        } else {
            WireError::Broken(reason)
        }
    })?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| WireError::Broken(error.to_string()))?;
    Ok((status, body.to_bytes()))
}

/// Whether there was no connection to send the request on.
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
        assert!(never_left(&ErrorCode::ConnectionRefused) && never_left(&ErrorCode::HttpRequestDenied));
        for doubtful in [
            ErrorCode::ConnectionTerminated,
            ErrorCode::ConnectionTimeout,
            ErrorCode::ConnectionReadTimeout,
            ErrorCode::HttpResponseIncomplete,
            ErrorCode::InternalError(None),
        ] {
            assert!(!never_left(&doubtful), "{doubtful:?}");
        }
    }
}
