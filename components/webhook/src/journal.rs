//! One line for each webhook, whatever became of it. The worker counts these lines: `event`, `outcome` and `durationMs` are a contract with
//! `host-worker/src/signals`.

use std::time::Duration;

use edge::{Code, Problem, RequestContext, log};
use paypay::webhook::TransactionEvent;
use serde_json::{Value, json};

use crate::hand_on::Outcome;

/// Of somebody else's text, so much at most goes into the log.
const LONGEST_TEXT: usize = 64;

/// What the webhook is about, as far as it was read. Never the body: it may be anybody's, with anything in it.
#[derive(Debug, Default)]
pub struct Subject {
    notification_type: Option<String>,
    merchant_payment_id: Option<String>,
    state: Option<String>,
    /// Yen.
    amount: Option<i64>,
}

impl Subject {
    pub fn notification(&mut self, kind: &str) {
        self.notification_type = Some(shortened(kind));
    }

    pub fn transaction(&mut self, event: &TransactionEvent) {
        self.merchant_payment_id = Some(shortened(event.merchant_payment_id.as_str()));
        self.state = Some(shortened(event.state.as_str()));
        self.amount = event.amount;
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// Writes the line.
pub fn record(ctx: &RequestContext, outcome: &Result<Outcome, Problem>, subject: &Subject, took: Duration) {
    let write = match outcome {
        Ok(_) => log::info,
        Err(_) => log::warn,
    };
    write(ctx, "webhook", fields(outcome, subject, took));
}

fn fields(outcome: &Result<Outcome, Problem>, subject: &Subject, took: Duration) -> Value {
    json!({
        "outcome": name(outcome),
        "durationMs": took.as_secs_f64() * 1e3,
        "notificationType": subject.notification_type,
        "merchantPaymentId": subject.merchant_payment_id,
        "state": subject.state,
        "amount": subject.amount,
        "detail": outcome.as_ref().err().and_then(Problem::detail).map(shortened),
    })
}

/// `applied`, `stored`, `duplicate`, `ignored`; `not_stored` if PayPay is asked to send it again; else the refusal's code in small letters.
fn name(outcome: &Result<Outcome, Problem>) -> String {
    match outcome {
        Ok(outcome) => outcome.outcome.clone(),
        Err(problem) if problem.code() == Code::ServiceUnavailable => "not_stored".to_owned(),
        Err(problem) => problem.code().as_str().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_outcome_has_its_name() {
        for (outcome, expected) in [
            (Ok(Outcome::ignored()), "ignored"),
            (Err(Problem::new(Code::ServiceUnavailable)), "not_stored"),
            (Err(Problem::new(Code::Forbidden)), "forbidden"),
            (Err(Problem::new(Code::OrderNotFound)), "order_not_found"),
        ] {
            assert_eq!(name(&outcome), expected);
        }
    }

    #[test]
    fn the_line_says_what_it_is_about_and_how_long_it_took() {
        let body = json!({"merchant_order_id": "x".repeat(64), "state": "COMPLETED", "order_amount": 1200, "order_id": "048"});
        let event = TransactionEvent::parse(body.to_string().as_bytes()).unwrap();
        let mut subject = Subject::default();
        subject.transaction(&event);
        let outcome = Err(Problem::new(Code::AmountMismatch).with_detail("y".repeat(200)));
        let line = fields(&outcome, &subject, Duration::from_micros(1_500));
        assert_eq!(line["outcome"], "amount_mismatch");
        assert_eq!(line["durationMs"], 1.5);
        assert_eq!(
            (&line["state"], &line["amount"]),
            (&json!("COMPLETED"), &json!(1200))
        );
        assert_eq!(line["detail"].as_str().unwrap().len(), LONGEST_TEXT);
    }
}
