//! The cookie `sid`.

use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use edge::{RequestContext, header};

use super::SessionId;

const NAME: &str = "sid";

/// The session id that the browser sent, if it sent one. Of several (a parent domain may set another) the first that can be ours counts.
pub fn session_id(ctx: &RequestContext) -> Option<SessionId> {
    ctx.headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == NAME)
        .find_map(|cookie| SessionId::from_cookie_value(cookie.value()))
}

/// `Set-Cookie` that logs the browser in for `seconds`.
pub fn set(id: &SessionId, seconds: i64, secure: bool) -> String {
    build(id.to_cookie_value(), seconds, secure)
}

/// `Set-Cookie` that makes the browser forget its session.
pub fn clear(secure: bool) -> String {
    build(String::new(), 0, secure)
}

fn build(value: String, seconds: i64, secure: bool) -> String {
    Cookie::build((NAME, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(Duration::seconds(seconds))
        .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sent(line: &str) -> Option<SessionId> {
        session_id(&RequestContext::for_test("GET", "/").with_header("cookie", line))
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_from_other_sites() {
        let id = SessionId::generate().unwrap();
        let line = set(&id, 3600, true);
        let attributes: Vec<&str> = line.split("; ").collect();
        assert_eq!(attributes[0], format!("sid={}", id.to_cookie_value()));
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=3600"] {
            assert!(attributes.contains(&attribute), "{attribute} in {line}");
        }
        assert!(!set(&id, 3600, false).contains("Secure"));
        assert!(!line.contains("Domain"));
    }

    #[test]
    fn logging_out_ends_the_cookie_at_once() {
        assert!(clear(false).starts_with("sid=;"));
        assert!(clear(false).contains("Max-Age=0"));
    }

    #[test]
    fn the_id_is_found_among_other_cookies() {
        let id = SessionId::generate().unwrap();
        let value = id.to_cookie_value();
        for line in [
            format!("sid={value}"),
            format!("theme=dark; sid={value}; lang=ja"),
            format!("sid=not-ours; sid={value}"),
            format!("broken; sid={value}"),
        ] {
            assert_eq!(sent(&line), Some(id.clone()), "{line}");
        }
        for line in ["", "sid=", "sid=x", "xsid=AAAA", "SID=AAAA"] {
            assert_eq!(sent(line), None, "{line}");
        }
    }
}
