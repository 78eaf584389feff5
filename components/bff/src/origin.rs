//! Where a change was asked for. A cookie goes along with a request from any page; the browser's word on the page does not lie.

use edge::{Code, Problem, RequestContext};
use http::Uri;

use crate::settings;

/// Goes on only if the request comes from a page of the shop, or from something that is no browser and says so itself.
///
/// # Errors
/// `ORIGIN_REJECTED`
pub async fn require_own(ctx: &RequestContext) -> Result<(), Problem> {
    let shop = settings::public_url().await?;
    if is_own(&shop, ctx.header("origin"), ctx.header("sec-fetch-site")) {
        return Ok(());
    }
    Err(Problem::new(Code::OriginRejected).with_detail(format!("changes are taken from {shop} only")))
}

/// `Origin` decides. Where it is absent, only the browser's own `Sec-Fetch-Site: same-origin` will do: a request with neither
/// could come from a form on any page in an old browser.
fn is_own(shop: &str, origin: Option<&str>, fetch_site: Option<&str>) -> bool {
    match origin {
        Some(origin) => origin_of(shop).is_some_and(|own| origin_of(origin) == Some(own)),
        None => fetch_site == Some("same-origin"),
    }
}

/// Scheme, host and port, as RFC 6454 compares them. `None` for what is no origin, such as `null`.
fn origin_of(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((
        scheme,
        uri.host()?.to_ascii_lowercase(),
        uri.port_u16().unwrap_or(default_port),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shops_own_pages_may_ask_for_changes() {
        for (shop, origin) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://shop.example", "https://shop.example:443"),
            ("https://Shop.example:443/", "https://shop.example"),
        ] {
            assert!(is_own(shop, Some(origin), None), "{shop} {origin}");
        }
        assert!(is_own("https://shop.example", None, Some("same-origin")));
    }

    #[test]
    fn nobody_elses_may() {
        for origin in [
            "https://shop.example.evil.example",
            "https://evil.example",
            "http://shop.example",
            "https://shop.example:8443",
            "https://sub.shop.example",
            "https://shop.example@evil.example",
            "null",
            "",
        ] {
            assert!(
                !is_own("https://shop.example", Some(origin), Some("same-origin")),
                "{origin}"
            );
        }
        for fetch_site in [
            None,
            Some("cross-site"),
            Some("same-site"),
            Some("none"),
            Some(""),
        ] {
            assert!(
                !is_own("https://shop.example", None, fetch_site),
                "{fetch_site:?}"
            );
        }
    }

    #[test]
    fn a_shop_without_a_usable_address_takes_no_changes() {
        assert!(!is_own("null", Some("null"), None));
    }
}
