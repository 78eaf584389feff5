use http::{HeaderMap, Method, request::Parts};
use percent_encoding::percent_decode_str;

use crate::{Problem, TraceContext};

/// The header that carries the request id, in and out.
pub(crate) const REQUEST_ID: &str = "x-request-id";
pub(crate) const TRACEPARENT: &str = "traceparent";

/// A request without its body: what it asks for, and the ids that go with it everywhere.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// From `X-Request-Id` if that is 1 to 128 visible ASCII characters, else created here.
    pub request_id: String,
    /// This component's span in the caller's trace, or in a trace of its own.
    pub trace: TraceContext,
    pub method: Method,
    /// As received: percent-encoded, without the query.
    pub path: String,
    pub headers: HeaderMap,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    raw_query: String,
}

impl RequestContext {
    /// Reads what the request says about itself.
    pub fn from_parts(parts: Parts) -> Self {
        let request_id = header(&parts.headers, REQUEST_ID)
            .filter(|id| is_visible_ascii(id, 128))
            .map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned);
        let trace = header(&parts.headers, TRACEPARENT)
            .and_then(TraceContext::parse)
            .map_or_else(TraceContext::start, |parent| parent.child());
        let path = parts.uri.path().to_owned();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        Self {
            request_id,
            trace,
            method: parts.method,
            segments: segments_of(&path),
            path,
            headers: parts.headers,
            query: form_urlencoded::parse(raw_query.as_bytes())
                .into_owned()
                .collect(),
            raw_query,
        }
    }

    /// The context of work that no request asked for: a poll, a deadline, a recovery. Its ids are its own.
    pub fn internal() -> Self {
        Self::from_parts(http::Request::new(()).into_parts().0)
    }

    /// The path's segments, decoded: `/api/orders/A%20B` is `["api", "orders", "A B"]`. A slash at the end adds an empty one.
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter, decoded; an empty value counts.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The query as received, without the question mark; empty if there is none.
    pub fn raw_query(&self) -> &str {
        &self.raw_query
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Goes on only for these methods, otherwise `METHOD_NOT_ALLOWED` with `Allow`. HEAD counts as GET: the host leaves its body out.
    pub fn allow(&self, methods: &[Method]) -> Result<(), Problem> {
        if methods.contains(self.effective_method()) {
            Ok(())
        } else {
            Err(Problem::method_not_allowed(methods))
        }
    }

    /// The method to dispatch on: GET for HEAD.
    pub fn effective_method(&self) -> &Method {
        if self.method == Method::HEAD {
            &Method::GET
        } else {
            &self.method
        }
    }

    /// A context for tests of handlers, with the request id `test-request`.
    ///
    /// # Panics
    /// If `method` or `uri` is not valid.
    #[cfg(any(test, feature = "test-support"))]
    #[allow(clippy::unwrap_used)]
    pub fn for_test(method: &str, uri: &str) -> Self {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header(REQUEST_ID, "test-request")
            .body(())
            .unwrap();
        Self::from_parts(request.into_parts().0)
    }

    /// The same with one more header.
    ///
    /// # Panics
    /// If the header is not valid.
    #[cfg(any(test, feature = "test-support"))]
    #[allow(clippy::unwrap_used)]
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether `text` is 1 to `longest` visible ASCII characters (no spaces): what ids and idempotency keys may be.
pub fn is_visible_ascii(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn segments_of(path: &str) -> Vec<String> {
    // Split before decoding, so that an encoded slash cannot make two segments of one.
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Code;

    fn context(uri: &str, headers: &[(&'static str, &str)]) -> RequestContext {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        RequestContext::from_parts(request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_good_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(context("/", &[(REQUEST_ID, "abc-1")]).request_id, "abc-1");
        let long = "x".repeat(129);
        for bad in ["", "two words", long.as_str()] {
            let ctx = context("/", &[(REQUEST_ID, bad)]);
            assert_ne!(ctx.request_id, bad);
            assert!(is_visible_ascii(&ctx.request_id, 128));
        }
        assert_ne!(context("/", &[]).request_id, context("/", &[]).request_id);
    }

    #[test]
    fn the_callers_trace_goes_on_in_a_span_of_ours() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let ctx = context("/", &[(TRACEPARENT, parent)]);
        assert_eq!(ctx.trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(ctx.trace.span_id(), "00f067aa0ba902b7");
    }

    #[test]
    fn path_and_query_are_decoded() {
        let ctx = context("/api/products/a%2Fb%20c?q=%E9%8D%8B+x&empty=&q=second", &[]);
        assert_eq!(ctx.segments(), ["api", "products", "a/b c"]);
        assert_eq!(ctx.query("q"), Some("鍋 x"));
        assert_eq!(ctx.query("empty"), Some(""));
        assert_eq!(ctx.query("absent"), None);
        assert_eq!(context("/api/", &[]).segments(), ["api", ""]);
    }

    #[test]
    fn head_is_allowed_where_get_is_and_other_methods_are_refused() {
        let mut ctx = context("/", &[]);
        ctx.method = Method::HEAD;
        assert!(ctx.allow(&[Method::GET]).is_ok());
        ctx.method = Method::DELETE;
        assert_eq!(
            ctx.allow(&[Method::GET]).unwrap_err().code(),
            Code::MethodNotAllowed
        );
    }
}
