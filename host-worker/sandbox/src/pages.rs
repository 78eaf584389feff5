//! Pages written by templates, under a content security policy that admits their own style and script only.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use paypay::payments::PaymentStatus;

use crate::books::{CodeState, Delivery, PaymentRecord};
use crate::faults::Faults;
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

struct Line {
    name: String,
    quantity: i64,
    total: String,
}

/// The page a buyer's phone shows for a code.
#[derive(Template)]
#[template(path = "phone.html")]
pub(crate) struct PhonePage {
    nonce: String,
    shop: String,
    /// `active`, `completed`, `authorized`, `failed`, `expired`, `deleted`, `refunded`, `canceled` or `unknown`: picks what is shown.
    view: &'static str,
    code_id: String,
    amount: String,
    merchant_payment_id: String,
    description: String,
    lines: Vec<Line>,
    seconds_left: i64,
    back: String,
}

impl Page for PhonePage {
    fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl PhonePage {
    /// `payment`: `None` for a code nobody made. `now`: epoch seconds.
    pub(crate) fn new(shop: &str, payment: Option<&PaymentRecord>, now: i64) -> Self {
        let empty = Self {
            nonce: fresh_nonce(),
            shop: shop.to_owned(),
            view: "unknown",
            code_id: String::new(),
            amount: String::new(),
            merchant_payment_id: String::new(),
            description: String::new(),
            lines: Vec::new(),
            seconds_left: 0,
            back: String::new(),
        };
        let Some(payment) = payment else { return empty };
        let request = &payment.request;
        let lines = request.order_items.iter().map(|item| Line {
            name: item.name.clone(),
            quantity: item.quantity,
            total: grouped(item.unit_price.amount.saturating_mul(item.quantity)),
        });
        Self {
            view: view(payment, now),
            code_id: payment.code_id.to_string(),
            amount: grouped(payment.amount),
            merchant_payment_id: payment.merchant_payment_id().to_string(),
            description: request.order_description.clone().unwrap_or_default(),
            lines: lines.collect(),
            seconds_left: (payment.expires_at - now).max(0),
            // Anything but a web address would be a script or an application's link, which this page does not follow.
            back: request
                .redirect_url
                .clone()
                .filter(|url| is_web(url))
                .unwrap_or_default(),
            ..empty
        }
    }
}

fn is_web(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn view(payment: &PaymentRecord, now: i64) -> &'static str {
    match payment.code_state(now) {
        CodeState::Active => "active",
        CodeState::Expired => "expired",
        CodeState::Deleted => "deleted",
        CodeState::Used => match payment.status {
            PaymentStatus::Completed => "completed",
            PaymentStatus::Authorized | PaymentStatus::Reauthorizing => "authorized",
            PaymentStatus::Refunded => "refunded",
            PaymentStatus::Canceled | PaymentStatus::Expired => "canceled",
            _ => "failed",
        },
    }
}

struct PaymentRow {
    merchant_payment_id: String,
    code_id: String,
    amount: String,
    status: String,
    code: &'static str,
}

struct DeliveryRow {
    id: i64,
    merchant_payment_id: String,
    state: String,
    outcome: String,
    faults: String,
    attempts: String,
}

/// The developer's desk.
#[derive(Template)]
#[template(path = "desk.html")]
pub(crate) struct DeskPage {
    nonce: String,
    faults: Faults,
    in_force: bool,
    payments: Vec<PaymentRow>,
    deliveries: Vec<DeliveryRow>,
}

impl Page for DeskPage {
    fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl DeskPage {
    /// `now`: epoch seconds.
    pub(crate) fn new(faults: Faults, payments: &[PaymentRecord], deliveries: &[Delivery], now: i64) -> Self {
        let payments = payments.iter().map(|payment| PaymentRow {
            merchant_payment_id: payment.merchant_payment_id().to_string(),
            code_id: payment.code_id.to_string(),
            amount: grouped(payment.amount),
            status: payment.status.to_string(),
            code: match payment.code_state(now) {
                CodeState::Active => "active",
                CodeState::Expired => "expired",
                CodeState::Deleted => "deleted",
                CodeState::Used => "used",
            },
        });
        let deliveries = deliveries.iter().map(|delivery| DeliveryRow {
            id: delivery.id,
            merchant_payment_id: delivery.merchant_payment_id.clone(),
            state: delivery.state.clone(),
            outcome: delivery.outcome.as_str().to_owned(),
            faults: delivery.faults.clone(),
            attempts: attempts_in_words(delivery),
        });
        Self {
            nonce: fresh_nonce(),
            faults,
            in_force: faults.in_force(),
            payments: payments.collect(),
            deliveries: deliveries.collect(),
        }
    }
}

fn attempts_in_words(delivery: &Delivery) -> String {
    let words = delivery
        .attempts
        .iter()
        .map(|attempt| match (attempt.status, &attempt.error) {
            (Some(status), _) => format!("{status} ({} ms)", attempt.duration_ms),
            (None, Some(error)) => error.clone(),
            (None, None) => "?".to_owned(),
        });
    words.collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yen_are_grouped_by_thousands_and_only_web_links_are_followed() {
        for (yen, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
        ] {
            assert_eq!(grouped(yen), text);
        }
        assert!(is_web("https://shop.example/orders/1"));
        for other in ["javascript:alert(1)", "paypay://x", "/relative", ""] {
            assert!(!is_web(other), "{other}");
        }
    }
}
