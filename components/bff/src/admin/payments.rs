//! Payments: giving the money of a paid order back.

use domain::OrderNo;
use edge::outbound::Call;
use edge::{Answer, Body, Code, Problem, RequestContext, json_body};
use serde::{Deserialize, Serialize};

use crate::order_component::{self, SAGA_LIMIT, address};
use crate::session::Session;

const LARGEST: usize = 16 * 1024;
const LONGEST_REASON: usize = 200;

#[derive(Debug, Deserialize, Serialize)]
struct Refund {
    reason: String,
    #[serde(default)]
    restock: bool,
}

/// Refunds a paid order in full. The order component decides whether it can be.
pub async fn refund(
    ctx: &RequestContext,
    session: &Session,
    order_no: &str,
    body: impl Body,
) -> Result<Answer, Problem> {
    let order_no: OrderNo = order_no.parse().map_err(|_| Problem::new(Code::OrderNotFound))?;
    let refund: Refund = json_body(ctx, body, LARGEST).await?;
    if !(1..=LONGEST_REASON).contains(&refund.reason.trim().chars().count()) {
        return Err(Problem::field("reason", "must be 1 to 200 characters"));
    }
    let call = Call::post(address(&format!("/admin/payments/{order_no}/refund")).await?)
        .within(SAGA_LIMIT)
        .json(&refund)?;
    order_component::send(ctx, session, call).await?.pass_on()
}
