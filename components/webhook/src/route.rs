//! One webhook, from its address to its answer.

use std::time::Instant;

use edge::variables::{self, Error as SettingError};
use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};

use crate::event::{self, Event};
use crate::hand_on::{self, Outcome};
use crate::journal::{self, Subject};
use crate::source::{self, AllowList};
use crate::{address, payment_id};

/// PayPay's events take less than 1 KiB.
const LARGEST_EVENT: usize = 64 * 1024;

/// Answers one request.
pub async fn route(ctx: &RequestContext, body: impl Body) -> Result<Answer, Problem> {
    let begun = Instant::now();
    let mut subject = Subject::default();
    let outcome = receive(ctx, body, begun, &mut subject).await;
    journal::record(ctx, &outcome, &subject, begun.elapsed());
    respond::json(StatusCode::OK, &outcome?)
}

async fn receive(
    ctx: &RequestContext,
    body: impl Body,
    begun: Instant,
    subject: &mut Subject,
) -> Result<Outcome, Problem> {
    // Before the address: else the difference between two refusals would tell anybody when they have guessed the secret.
    check_source(ctx).await?;
    let secret = variables::get("paypay_webhook_secret").await?;
    if !address::is_ours(&ctx.segments(), &secret) {
        return Err(Code::NotFound.into());
    }
    ctx.allow(&[Method::POST])?;
    edge::require_json(ctx)?;
    let body = edge::bytes_body(ctx, body, LARGEST_EVENT).await?;
    let merchant_id = variables::get("paypay_merchant_id").await?;
    match event::read(&body, &merchant_id)? {
        Event::Other(kind) => {
            subject.notification(&kind);
            Ok(Outcome::ignored())
        }
        Event::Transaction(event, raw) => {
            subject.transaction(&event);
            if !payment_id::may_be_ours(event.merchant_payment_id.as_str()) {
                return Err(Code::OrderNotFound.into());
            }
            let left = hand_on::BUDGET.saturating_sub(begun.elapsed());
            hand_on::hand_on(ctx, &event, &raw, false, left).await
        }
        Event::Foreign(event, raw) => {
            subject.transaction(&event);
            let refusal =
                Problem::new(Code::MerchantMismatch).with_error("merchant_id", "is another merchant's");
            if payment_id::may_be_ours(event.merchant_payment_id.as_str()) {
                let left = hand_on::BUDGET.saturating_sub(begun.elapsed());
                // Whether there is such an order is none of the sender's business; if nobody could be told, the next one tells.
                let _ = hand_on::hand_on(ctx, &event, &raw, true, left).await;
            }
            Err(refusal)
        }
    }
}

/// Lets only PayPay's addresses pass, if the deployment has named them.
///
/// # Errors
/// `FORBIDDEN`; `INTERNAL` if the settings are no list or no number, since nobody can be told from anybody then.
async fn check_source(ctx: &RequestContext) -> Result<(), Problem> {
    let name = "paypay_webhook_sources";
    let list = AllowList::parse(&variables::get(name).await?).ok_or(SettingError::Invalid {
        name: name.to_owned(),
        expected: "a list of networks such as 203.0.113.0/24",
    })?;
    let trusted_proxies = variables::integer("trusted_proxies").await?;
    if list.allows(source::sender(ctx, trusted_proxies)) {
        Ok(())
    } else {
        Err(Problem::new(Code::Forbidden).with_detail("webhooks are not taken from this address"))
    }
}
