//! The request that a component sees: an absolute address, the request's identity, and Spin's headers about its route. What a
//! client sends under those names is dropped first.

use super::request::RequestContext;
use crate::routes::Match;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri};
use std::net::SocketAddr;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const RAW_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// How a component was found.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pattern: &'a str,
    prefix: &'a str,
    rest: &'a str,
    params: &'a [(&'a str, &'a str)],
}

impl<'a> Route<'a> {
    pub(crate) fn public(found: &'a Match<'_, '_>) -> Self {
        Self {
            pattern: &found.route.pattern,
            prefix: found.route.prefix(),
            rest: found.rest,
            params: &found.params,
        }
    }

    /// Service chaining: as if the component had `/...`.
    pub(crate) fn chained(path: &'a str) -> Self {
        Self {
            pattern: "/...",
            prefix: "",
            rest: path,
            params: &[],
        }
    }
}

/// The absolute address of a request that came with a `Host` header.
pub(crate) fn absolute(uri: Uri, headers: &HeaderMap) -> Option<Uri> {
    let mut parts = uri.into_parts();
    parts.scheme.get_or_insert(uri::Scheme::HTTP);
    if parts.authority.is_none() {
        let host = headers.get(header::HOST)?;
        parts.authority = Some(uri::Authority::try_from(host.as_bytes()).ok()?);
    }
    parts
        .path_and_query
        .get_or_insert(uri::PathAndQuery::from_static("/"));
    Uri::from_parts(parts).ok()
}

/// Sets what the component may rely on. `uri` is absolute.
pub(crate) fn prepare(
    headers: &mut HeaderMap,
    uri: &Uri,
    route: &Route<'_>,
    client: Option<SocketAddr>,
    context: &RequestContext,
) {
    remove_forged(headers);
    context.put(headers);
    let mut set = |name, value: &str| {
        // What stood in a request line stands in a header, too.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(FULL_URL, &uri.to_string());
    set(PATH_INFO, route.rest);
    set(MATCHED_ROUTE, route.pattern);
    set(RAW_ROUTE, route.pattern);
    set(ROUTE, route.prefix);
    set(BASE_PATH, "/");
    if let Some(client) = client {
        set(CLIENT_ADDR, &client.to_string());
    }
    for (name, value) in route.params {
        if let Ok(name) = HeaderName::try_from(format!("spin-path-match-{name}")) {
            set(name, value);
        }
    }
}

fn remove_forged(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::time::Instant;

    #[test]
    fn forged_headers_are_replaced_or_dropped() {
        let mut headers = HeaderMap::new();
        for name in ["spin-path-match-id", "spin-client-addr", "spin-anything", "x-own"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("forged"));
        }
        let uri: Uri = "http://shop.test/api/orders/7?x=1".parse().unwrap();
        let route = Route {
            pattern: "/api/orders/:order",
            prefix: "/api/orders/:order",
            rest: "",
            params: &[("order", "7")],
        };
        let context = RequestContext::internal(Instant::now());
        prepare(
            &mut headers,
            &uri,
            &route,
            Some(([127, 0, 0, 1], 9).into()),
            &context,
        );
        for (name, value) in [
            ("spin-full-url", Some("http://shop.test/api/orders/7?x=1")),
            ("spin-matched-route", Some("/api/orders/:order")),
            ("spin-path-match-order", Some("7")),
            ("spin-client-addr", Some("127.0.0.1:9")),
            ("spin-path-match-id", None),
            ("spin-anything", None),
            ("x-own", Some("forged")),
            ("x-request-id", Some(context.id.as_str())),
        ] {
            assert_eq!(
                headers.get(name).map(|value| value.to_str().unwrap()),
                value,
                "{name}"
            );
        }
    }

    #[test]
    fn an_address_is_completed_from_the_host_header() {
        let mut headers = HeaderMap::new();
        assert!(absolute(Uri::from_static("/x"), &headers).is_none());
        headers.insert(header::HOST, HeaderValue::from_static("shop.test:3000"));
        let uri = absolute(Uri::from_static("/x?y"), &headers).unwrap();
        assert_eq!(uri, "http://shop.test:3000/x?y");
        headers.insert(header::HOST, HeaderValue::from_static("not a host"));
        assert!(absolute(Uri::from_static("/x"), &headers).is_none());
    }
}
