//! The developer's desk.

use askama::Template;
use serde_json::Value;

use super::{Page, fresh_nonce, grouped};
use crate::books::{CodeState, Delivery, PaymentRecord};
use crate::faults::Faults;

struct PaymentRow {
    merchant_payment_id: String,
    code_id: String,
    amount: String,
    status: String,
    /// Japanese and English.
    code: (&'static str, &'static str),
    /// Whether the buyer has something to decide.
    open: bool,
    /// Whether it has faults of its own.
    faulty: bool,
    deliveries: Vec<DeliveryRow>,
}

struct DeliveryRow {
    id: i64,
    merchant_payment_id: String,
    state: String,
    outcome: &'static str,
    faults: String,
    attempts: Vec<String>,
}

struct OwnFaults {
    payment: String,
    in_short: String,
}

/// What is needed to draw the desk.
#[derive(Debug)]
pub(crate) struct Desk {
    /// For every payment.
    pub faults: Faults,
    /// By `merchantPaymentId`.
    pub own_faults: Vec<(String, Faults)>,
    pub payments: Vec<PaymentRecord>,
    pub deliveries: Vec<Delivery>,
    /// Epoch seconds.
    pub now: i64,
}

/// The page.
#[derive(Template)]
#[template(path = "desk.html")]
pub(crate) struct DeskPage {
    nonce: String,
    faults: Faults,
    in_force: bool,
    own_faults: Vec<OwnFaults>,
    payments: Vec<PaymentRow>,
    /// Those of payments that are not among `payments`.
    older: Vec<DeliveryRow>,
}

impl Page for DeskPage {
    fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl DeskPage {
    pub(crate) fn new(desk: Desk) -> Self {
        let mut deliveries: Vec<DeliveryRow> = desk.deliveries.iter().map(DeliveryRow::new).collect();
        let mut payments = Vec::new();
        for payment in &desk.payments {
            let id = payment.merchant_payment_id().to_string();
            let (own, rest) = deliveries
                .into_iter()
                .partition(|delivery| delivery.merchant_payment_id == id);
            deliveries = rest;
            let state = payment.code_state(desk.now);
            payments.push(PaymentRow {
                code_id: payment.code_id.to_string(),
                amount: match payment.asked() {
                    Some(asked) => format!("{} → ¥{}", grouped(payment.amount), grouped(asked.amount)),
                    None => grouped(payment.amount),
                },
                status: payment.status.to_string(),
                code: in_words(state),
                open: state == CodeState::Active || payment.asked().is_some(),
                faulty: desk.own_faults.iter().any(|(payment, _)| *payment == id),
                merchant_payment_id: id,
                deliveries: own,
            });
        }
        let own_faults = desk.own_faults.into_iter().map(|(payment, faults)| OwnFaults {
            payment,
            in_short: in_short(&faults),
        });
        Self {
            nonce: fresh_nonce(),
            faults: desk.faults,
            in_force: desk.faults.in_force(),
            own_faults: own_faults.collect(),
            payments,
            older: deliveries,
        }
    }
}

fn in_words(code: CodeState) -> (&'static str, &'static str) {
    match code {
        CodeState::Active => ("支払い待ち", "waiting"),
        CodeState::Expired => ("期限切れ", "expired"),
        CodeState::Deleted => ("無効化済み", "deleted"),
        CodeState::Used => ("使用済み", "used"),
    }
}

/// What differs from no faults, for example `webhook.drop 1.0, seed 7`; empty faults are a dash.
fn in_short(faults: &Faults) -> String {
    let words = |faults: &Faults| {
        let mut words = Vec::new();
        if let Ok(Value::Object(fields)) = serde_json::to_value(faults) {
            for (name, value) in fields {
                match value {
                    Value::Object(rates) => {
                        words.extend(rates.iter().map(|(rate, value)| format!("{name}.{rate} {value}")));
                    }
                    value => words.push(format!("{name} {value}")),
                }
            }
        }
        words
    };
    let usual = words(&Faults::default());
    let differ: Vec<String> = words(faults)
        .into_iter()
        .filter(|word| !usual.contains(word))
        .collect();
    if differ.is_empty() {
        "–".to_owned()
    } else {
        differ.join(", ")
    }
}

impl DeliveryRow {
    fn new(delivery: &Delivery) -> Self {
        let attempts = delivery
            .attempts
            .iter()
            .map(|attempt| match (attempt.status, &attempt.error) {
                (Some(status), _) => format!("{status} ({} ms)", attempt.duration_ms),
                (None, Some(error)) => error.clone(),
                (None, None) => "?".to_owned(),
            });
        Self {
            id: delivery.id,
            merchant_payment_id: delivery.merchant_payment_id.clone(),
            state: delivery.state.clone(),
            outcome: delivery.outcome.as_str(),
            faults: delivery.faults.clone(),
            attempts: attempts.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_by_what_differs() {
        let mut faults = Faults::default();
        assert_eq!(in_short(&faults), "–");
        faults.seed = Some(7);
        faults.webhook.drop = 1.0;
        faults.buyer_gone = true;
        assert_eq!(in_short(&faults), "seed 7, buyerGone true, webhook.drop 1.0");
    }
}
