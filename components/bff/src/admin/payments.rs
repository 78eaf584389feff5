//! Payments: list, show, and giving the money of a paid order back.

use domain::OrderNo;
use edge::outbound::Call;
use edge::{Answer, Body, Code, Problem, RequestContext, json_body};
use serde::{Deserialize, Serialize};

use crate::order_component::{self, SAGA_LIMIT, address};
use crate::query::Query;
use crate::session::Session;

/// `OrderStatus` of the API.
const STATUSES: &[&str] = &["PENDING", "WAITING_PAYMENT", "PAID", "REFUNDED", "FAILED"];
const LARGEST: usize = 16 * 1024;
const LONGEST_REASON: usize = 200;

#[derive(Debug, Deserialize, Serialize)]
struct Refund {
    reason: String,
    #[serde(default)]
    restock: bool,
}

/// The money side of orders, the newest first.
pub async fn list(ctx: &RequestContext, session: &Session) -> Result<Answer, Problem> {
    let query = list_query(ctx)?;
    let call = Call::get(address(&format!("/admin/payments{query}")).await?);
    order_component::send(ctx, session, call).await?.pass_on()
}

fn list_query(ctx: &RequestContext) -> Result<String, Problem> {
    Ok(Query::of(ctx)
        .one_of("status", STATUSES)?
        .text("orderNo", 64)?
        .text("from", 40)?
        .text("to", 40)?
        .number("size", 1..=100_u32)?
        .cursor()?
        .finish())
}

/// One order with its payments and who did what to it.
pub async fn show(ctx: &RequestContext, session: &Session, order_no: &str) -> Result<Answer, Problem> {
    let order_no: OrderNo = order_no.parse().map_err(|_| Problem::new(Code::OrderNotFound))?;
    let call = Call::get(address(&format!("/admin/payments/{order_no}")).await?);
    order_component::send(ctx, session, call).await?.pass_on()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_filters_are_checked_and_sent_on() {
        let query = |uri: &str| list_query(&RequestContext::for_test("GET", uri));
        assert_eq!(
            query("/p?status=PAID&orderNo=K1&from=2026-11-22T00:00:00%2B09:00&size=100&cursor=c&userId=u")
                .unwrap(),
            "?status=PAID&orderNo=K1&from=2026-11-22T00%3A00%3A00%2B09%3A00&size=100&cursor=c"
        );
        for (uri, field) in [
            ("/p?status=paid", "status"),
            ("/p?orderNo=", "orderNo"),
            ("/p?to=", "to"),
            ("/p?size=0", "size"),
        ] {
            assert_eq!(query(uri).unwrap_err().errors()[0].field, field, "{uri}");
        }
    }

    #[test]
    fn the_statuses_are_the_domain_s() {
        let known = domain::OrderStatus::ALL.map(domain::OrderStatus::as_str);
        assert_eq!(known.len(), STATUSES.len());
        assert!(known.iter().all(|status| STATUSES.contains(status)));
    }
}
