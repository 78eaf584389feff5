//! The page that a buyer's phone shows for a code.

use askama::Template;
use paypay::payments::PaymentStatus;

use super::{Page, fresh_nonce, grouped};
use crate::books::{CodeState, PaymentRecord};

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
    /// What was authorized, if the shop asks for more.
    before: String,
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
            before: String::new(),
            merchant_payment_id: String::new(),
            description: String::new(),
            lines: Vec::new(),
            seconds_left: 0,
            back: String::new(),
        };
        let Some(payment) = payment else { return empty };
        let (request, asked) = (&payment.request, payment.asked());
        let lines = request.order_items.iter().map(|item| Line {
            name: item.name.clone(),
            quantity: item.quantity,
            total: grouped(item.unit_price.amount.saturating_mul(item.quantity)),
        });
        Self {
            view: view(payment, now),
            code_id: payment.code_id.to_string(),
            amount: grouped(asked.map_or(payment.amount, |asked| asked.amount)),
            before: asked.map(|_| grouped(payment.amount)).unwrap_or_default(),
            merchant_payment_id: payment.merchant_payment_id().to_string(),
            description: request.order_description.clone().unwrap_or_default(),
            lines: lines.collect(),
            seconds_left: (asked.map_or(payment.expires_at, |asked| asked.expires_at) - now).max(0),
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
        CodeState::Used if payment.asked().is_some() => "active",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_are_followed() {
        assert!(is_web("https://shop.example/orders/1"));
        for other in ["javascript:alert(1)", "paypay://x", "/relative", ""] {
            assert!(!is_web(other), "{other}");
        }
    }
}
