use std::fmt::Write as _;

/// W3C trace context, version 00: which trace a request belongs to, and which span of it this component's work is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: String,
    span_id: String,
    flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` header. `None` if it is not well formed: then the trace starts anew, as the W3C asks.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if !is_hex(version, 2)
            || version == "ff"
            || !is_hex(trace_id, 32)
            || !is_hex(span_id, 16)
            || !is_hex(flags, 2)
        {
            return None;
        }
        // Version 00 has four fields; a later version may add some, which we leave out.
        if version == "00" && parts.next().is_some() {
            return None;
        }
        if is_zero(trace_id) || is_zero(span_id) {
            return None;
        }
        Some(Self {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            flags: u8::from_str_radix(flags, 16).ok()?,
        })
    }

    /// A new trace, sampled.
    pub fn start() -> Self {
        Self {
            trace_id: random_hex::<16>(),
            span_id: random_hex::<8>(),
            flags: 1,
        }
    }

    /// The same trace in a new span: for this component's work, or for one outgoing call.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: random_hex::<8>(),
            ..self.clone()
        }
    }

    /// 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> &str {
        &self.span_id
    }

    /// As the header `traceparent` carries it.
    pub fn traceparent(&self) -> String {
        // Of the flags only `sampled` is known to us; the others must not be passed on.
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags & 1)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(hex: &str) -> bool {
    hex.bytes().all(|byte| byte == b'0')
}

fn random_hex<const N: usize>() -> String {
    let mut bytes = [0_u8; N];
    // Ids of spans protect nothing: should the system have no randomness, a constant trace is better than no answer.
    if getrandom::fill(&mut bytes).is_err() || bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes.iter().fold(String::with_capacity(N * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written_back() {
        let trace = TraceContext::parse(EXAMPLE).unwrap();
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.traceparent(), EXAMPLE);
    }

    #[test]
    fn a_child_stays_in_the_trace_in_a_span_of_its_own() {
        let parent = TraceContext::parse(EXAMPLE).unwrap();
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
        assert_eq!(TraceContext::parse(&child.traceparent()), Some(child));
    }

    #[test]
    fn malformed_headers_start_a_new_trace() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let trace =
            TraceContext::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more").unwrap();
        assert_eq!(trace.traceparent(), EXAMPLE);
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(header in "\\PC*") {
            if let Some(trace) = TraceContext::parse(&header) {
                prop_assert!(TraceContext::parse(&trace.traceparent()).is_some());
            }
        }
    }
}
