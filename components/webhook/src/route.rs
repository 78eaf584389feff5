//! One webhook, from its address to its answer.

use std::time::Instant;

use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, log, respond, variables};
use serde_json::json;

use crate::address;
use crate::event::{self, Event};
use crate::hand_on::{self, Outcome};

/// PayPay's events take less than 1 KiB.
const LARGEST_EVENT: usize = 64 * 1024;

/// Answers one request.
pub async fn route(ctx: &RequestContext, body: impl Body) -> Result<Answer, Problem> {
    let begun = Instant::now();
    let secret = variables::get("paypay_webhook_secret").await?;
    if !address::is_ours(&ctx.segments(), &secret) {
        return Err(Code::NotFound.into());
    }
    ctx.allow(&[Method::POST])?;
    let outcome = receive(ctx, body, begun).await.inspect_err(|problem| {
        // Never the body: it may be anybody's, of any size and with anything in it.
        log::warn(
            ctx,
            "webhook_refused",
            json!({"code": problem.code().as_str(), "milliseconds": elapsed(begun)}),
        );
    })?;
    respond::json(StatusCode::OK, &outcome)
}

async fn receive(ctx: &RequestContext, body: impl Body, begun: Instant) -> Result<Outcome, Problem> {
    edge::require_json(ctx)?;
    let body = edge::bytes_body(ctx, body, LARGEST_EVENT).await?;
    let merchant_id = variables::get("paypay_merchant_id").await?;
    match event::read(&body, &merchant_id)? {
        Event::Other(kind) => {
            let kind: String = kind.chars().take(40).collect();
            log::info(ctx, "webhook_ignored", json!({"notificationType": kind}));
            Ok(Outcome {
                outcome: "ignored".to_owned(),
            })
        }
        Event::Transaction(event, raw) => {
            let left = hand_on::BUDGET.saturating_sub(begun.elapsed());
            let outcome = hand_on::hand_on(ctx, &event, &raw, left).await?;
            log::info(
                ctx,
                "webhook_received",
                json!({
                    "merchantPaymentId": event.merchant_payment_id.as_str(), "state": event.state.as_str(), "amount": event.amount,
                    "outcome": outcome.outcome, "milliseconds": elapsed(begun),
                }),
            );
            Ok(outcome)
        }
    }
}

fn elapsed(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
