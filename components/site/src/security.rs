//! What a browser may do with the shop's pages.

use edge::{HeaderName, header};

/// The headers of every answer. `realtime_url` is the one other origin that pages talk to.
pub fn headers(realtime_url: &str) -> Vec<(HeaderName, String)> {
    let mut headers = vec![
        (
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(realtime_url),
        ),
        (
            header::REFERRER_POLICY,
            "strict-origin-when-cross-origin".to_owned(),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=()".to_owned(),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin".to_owned(),
        ),
    ];
    if realtime_url.starts_with("wss://") {
        headers.push((
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains".to_owned(),
        ));
    }
    headers
}

fn content_security_policy(realtime_url: &str) -> String {
    let connect =
        origin(realtime_url).map_or_else(|| "'self'".to_owned(), |origin| format!("'self' {origin}"));
    [
        "default-src 'self'",
        "img-src 'self' data:",
        // Components place menus and dialogs by style attributes.
        "style-src 'self' 'unsafe-inline'",
        &format!("connect-src {connect}"),
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    ]
    .join("; ")
}

/// Scheme, host and port of an address; `None` if it is none that a policy can name.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte))
    };
    (matches!(scheme, "ws" | "wss") && plain(host)).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_may_talk_to_the_shop_and_its_websocket_only() {
        assert!(
            content_security_policy("ws://127.0.0.1:3000/ws/orders")
                .contains("connect-src 'self' ws://127.0.0.1:3000;")
        );
        for bad in ["", "http://x/", "ws://", "ws://a b/", "ws://x; script-src *"] {
            assert!(
                content_security_policy(bad).contains("connect-src 'self';"),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_a_shop_behind_tls_demands_it_for_ever() {
        let demands = |url| {
            headers(url)
                .iter()
                .any(|(name, _)| *name == header::STRICT_TRANSPORT_SECURITY)
        };
        assert!(demands("wss://shop.example/ws"));
        assert!(!demands("ws://127.0.0.1:3000/ws"));
    }
}
