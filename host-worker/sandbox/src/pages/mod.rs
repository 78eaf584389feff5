//! Pages written by templates, under a content security policy that admits their own style and script only.

mod desk;
mod phone;

pub(crate) use desk::{Desk, DeskPage};
pub(crate) use phone::PhonePage;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// A page with a nonce for its inline style and script.
pub(crate) trait Page: Template {
    fn nonce(&self) -> &str;
}

fn fresh_nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

pub(crate) fn html(status: StatusCode, page: &impl Page) -> Result<Response, Problem> {
    let nonce = page.nonce();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let failed = |error: String| {
        tracing::error!(error, "a page was not written");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "the page could not be written",
        )
    };
    let body = page.render().map_err(|error| failed(error.to_string()))?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy).map_err(|error| failed(error.to_string()))?,
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    Ok((status, headers, body).into_response())
}

/// `1234567` as `1,234,567`.
fn grouped(yen: i64) -> String {
    let digits = yen.unsigned_abs().to_string();
    let mut text = String::from(if yen < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yen_are_grouped_by_thousands() {
        for (yen, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
        ] {
            assert_eq!(grouped(yen), text);
        }
    }
}
