//! What identifies a request wherever it goes: its id, its trace, and when its time is up.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Instant;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Characters of an id that a client may choose.
const MAX_ID: usize = 128;

/// One request's identity.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub id: String,
    pub traceparent: HeaderValue,
    pub deadline: Instant,
}

impl RequestContext {
    /// Takes the client's id and trace if they are sane, or makes them.
    pub(crate) fn of(headers: &HeaderMap, deadline: Instant) -> Self {
        let id = headers
            .get(X_REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .filter(|id| is_sane_id(id))
            .map_or_else(|| hex(rand::random::<u128>(), 32), str::to_owned);
        let traceparent = headers
            .get(TRACEPARENT)
            .filter(|value| value.to_str().is_ok_and(is_traceparent))
            .cloned()
            .unwrap_or_else(new_traceparent);
        Self {
            id,
            traceparent,
            deadline,
        }
    }

    /// For work that no request started.
    pub(crate) fn internal(deadline: Instant) -> Self {
        Self::of(&HeaderMap::new(), deadline)
    }

    /// Puts id and trace into headers, in place of what is there.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.id_header());
        headers.insert(TRACEPARENT, self.traceparent.clone());
    }

    pub(crate) fn id_header(&self) -> HeaderValue {
        // An id is visible ASCII, whether it was checked or made.
        HeaderValue::from_str(&self.id).unwrap_or(HeaderValue::from_static("invalid"))
    }
}

fn is_sane_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// W3C Trace Context, level 1: `00-<trace id>-<span id>-<flags>`, ids not all zero; a later version may go on after that.
fn is_traceparent(value: &str) -> bool {
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    let mut parts = value.split('-');
    let (Some(version), Some(trace), Some(span), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
        && (version != "00" || parts.next().is_none())
}

fn new_traceparent() -> HeaderValue {
    // Zero is not a valid id.
    let trace = rand::random::<u128>() | 1;
    let span = rand::random::<u64>() | 1;
    let value = format!("00-{trace:032x}-{span:016x}-01");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""))
}

fn hex(number: u128, digits: usize) -> String {
    format!("{number:0digits$x}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn context(name: HeaderName, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        RequestContext::of(&headers, Instant::now())
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let long = "x".repeat(MAX_ID);
        for id in ["abc-123", "a", &long] {
            assert_eq!(context(X_REQUEST_ID, id).id, id);
        }
        let longer = "x".repeat(MAX_ID + 1);
        for id in ["", "a b", "a\tb", &longer] {
            let made = context(X_REQUEST_ID, id).id;
            assert!(made != id && is_sane_id(&made), "{made}");
        }
    }

    #[test]
    fn a_valid_trace_is_kept_and_any_other_replaced() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(context(TRACEPARENT, good).traceparent, good);
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            let made = context(TRACEPARENT, bad).traceparent;
            assert!(made != bad && is_traceparent(made.to_str().unwrap()), "{bad}");
        }
    }
}
