//! Sagas: list, show, steer, start.

use edge::outbound::Call;
use edge::{Answer, Body, Code, Problem, RequestContext, bytes_body, json_body};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::segment;
use crate::order_component::{self, SAGA_LIMIT, address};
use crate::query::Query;
use crate::session::Session;

/// `SagaPhase` of the API.
const PHASES: &[&str] = &[
    "RUNNING",
    "WAITING",
    "RETRYING",
    "COMPENSATING",
    "RECOVERING",
    "PARKED",
    "SUCCEEDED",
    "FAILED",
    "COMPENSATED",
];
/// `SagaAction` of the API.
const ACTIONS: &[&str] = &["forward", "compensate", "skip", "retry"];
/// Seconds: ten years.
const OLDEST: u32 = 315_360_000;
const LARGEST_STEERING: usize = 16 * 1024;
const LARGEST_START: usize = 256 * 1024;

/// Sagas, those that need somebody first.
pub async fn list(ctx: &RequestContext, session: &Session) -> Result<Answer, Problem> {
    let query = list_query(ctx)?;
    let call = Call::get(address(&format!("/admin/sagas{query}")).await?);
    order_component::send(ctx, session, call).await?.pass_on()
}

fn list_query(ctx: &RequestContext) -> Result<String, Problem> {
    Ok(Query::of(ctx)
        .one_of("phase", PHASES)?
        .text("machine", 128)?
        .text("orderNo", 64)?
        .number("olderThan", 0..=OLDEST)?
        .number("size", 1..=100_u32)?
        .cursor()?
        .finish())
}

pub async fn show(ctx: &RequestContext, session: &Session, id: &str) -> Result<Answer, Problem> {
    let call = Call::get(saga_address(id, "").await?);
    order_component::send(ctx, session, call).await?.pass_on()
}

/// Why a saga is steered, for its audit.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Steering {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Sets a saga going again. A body is not needed.
pub async fn steer(
    ctx: &RequestContext,
    session: &Session,
    id: &str,
    action: &str,
    body: impl Body,
) -> Result<Answer, Problem> {
    if !ACTIONS.contains(&action) {
        return Err(Code::NotFound.into());
    }
    let steering = steering(ctx, body).await?;
    let call = Call::post(saga_address(id, &format!("/{action}")).await?)
        .within(SAGA_LIMIT)
        .json(&steering)?;
    order_component::send(ctx, session, call).await?.pass_on()
}

async fn steering(ctx: &RequestContext, body: impl Body) -> Result<Steering, Problem> {
    let bytes = bytes_body(ctx, body, LARGEST_STEERING).await?;
    if bytes.is_empty() {
        return Ok(Steering::default());
    }
    let steering: Steering = json_body(ctx, Full::new(bytes), LARGEST_STEERING).await?;
    match &steering.reason {
        Some(reason) if reason.chars().count() > 500 => {
            Err(Problem::field("reason", "must have at most 500 characters"))
        }
        _ => Ok(steering),
    }
}

/// An instance to start.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    machine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    business_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Map<String, Value>>,
}

impl Start {
    fn check(&self) -> Result<(), Problem> {
        let names = [
            ("machine", Some(&self.machine)),
            ("businessKey", self.business_key.as_ref()),
        ];
        for (field, name) in names {
            if name.is_some_and(|name| !(1..=128).contains(&name.chars().count())) {
                return Err(Problem::field(field, "must have 1 to 128 characters"));
            }
        }
        Ok(())
    }
}

/// Starts an instance of a registered state machine. With a business key a repeat gets the first one's instance.
pub async fn start(ctx: &RequestContext, session: &Session, body: impl Body) -> Result<Answer, Problem> {
    let start: Start = json_body(ctx, body, LARGEST_START).await?;
    start.check()?;
    let call = Call::post(address("/admin/sagas").await?)
        .within(SAGA_LIMIT)
        .json(&start)?;
    order_component::send(ctx, session, call).await?.pass_on()
}

/// An event for a saga that waits for it.
#[derive(Debug, Deserialize, Serialize)]
struct Signal {
    event: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    payload: Value,
}

/// Tells a saga that is not an order's of the event that it waits for.
pub async fn signal(
    ctx: &RequestContext,
    session: &Session,
    id: &str,
    body: impl Body,
) -> Result<Answer, Problem> {
    let signal: Signal = json_body(ctx, body, LARGEST_START).await?;
    if !(1..=128).contains(&signal.event.chars().count()) {
        return Err(Problem::field("event", "must have 1 to 128 characters"));
    }
    let call = Call::post(saga_address(id, "/events").await?)
        .within(SAGA_LIMIT)
        .json(&signal)?;
    order_component::send(ctx, session, call).await?.pass_on()
}

async fn saga_address(id: &str, rest: &str) -> Result<String, Problem> {
    let id = segment(id).ok_or(Code::SagaNotFound)?;
    address(&format!("/admin/sagas/{id}{rest}")).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::administrator_for_test;
    use futures::executor::block_on;

    fn sent(body: &'static str) -> (RequestContext, Full<bytes::Bytes>) {
        let ctx = RequestContext::for_test("POST", "/x").with_header("content-type", "application/json");
        (ctx, Full::new(bytes::Bytes::from_static(body.as_bytes())))
    }

    #[test]
    fn the_filters_are_checked_and_sent_on() {
        let query = |uri: &str| list_query(&RequestContext::for_test("GET", uri));
        assert_eq!(
            query("/s?phase=PARKED&machine=order_create&orderNo=K1&olderThan=7200&size=100&cursor=c&x=1")
                .unwrap(),
            "?phase=PARKED&machine=order_create&orderNo=K1&olderThan=7200&size=100&cursor=c"
        );
        for (uri, field) in [
            ("/s?phase=DEAD", "phase"),
            ("/s?olderThan=-1", "olderThan"),
            ("/s?olderThan=315360001", "olderThan"),
            ("/s?size=101", "size"),
            ("/s?orderNo=", "orderNo"),
        ] {
            assert_eq!(query(uri).unwrap_err().errors()[0].field, field, "{uri}");
        }
    }

    #[test]
    fn the_phases_and_actions_are_the_api_document_s() {
        let document = include_str!("../../../../docs/openapi.yaml");
        let listed = |schema: &str| -> Vec<String> {
            let (_, after) = document.split_once(&format!("    {schema}:\n")).unwrap();
            let (_, list) = after.split_once("enum: [").unwrap();
            let (list, _) = list.split_once(']').unwrap();
            list.split(", ").map(str::to_owned).collect()
        };
        assert_eq!(listed("SagaPhase"), PHASES);
        assert_eq!(listed("SagaAction"), ACTIONS);
    }

    #[test]
    fn a_reason_may_be_left_out_but_not_be_a_novel() {
        let read = |body| {
            let (ctx, body) = sent(body);
            block_on(steering(&ctx, body))
        };
        assert_eq!(read("").unwrap().reason, None);
        assert_eq!(read("{}").unwrap().reason, None);
        assert_eq!(read(r#"{"reason":"fixed"}"#).unwrap().reason.unwrap(), "fixed");
        let long = String::leak(format!(r#"{{"reason":"{}"}}"#, "あ".repeat(501)));
        assert_eq!(read(long).unwrap_err().errors()[0].field, "reason");
        assert_eq!(read(r#"{"reason":7}"#).unwrap_err().errors()[0].field, "reason");
        assert_eq!(read("{").unwrap_err().code(), Code::MalformedJson);
    }

    #[test]
    fn a_start_is_checked_before_anybody_is_asked() {
        for (body, field) in [
            ("{}", "machine"),
            (r#"{"machine":""}"#, "machine"),
            (r#"{"machine":"m","businessKey":""}"#, "businessKey"),
            (r#"{"machine":"m","params":[]}"#, "params"),
        ] {
            let (ctx, sent) = sent(body);
            let problem = block_on(start(&ctx, &administrator_for_test(), sent)).unwrap_err();
            assert_eq!(problem.errors()[0].field, field, "{body}");
        }
    }

    #[test]
    fn an_event_has_a_name() {
        for (body, field) in [
            ("{}", "event"),
            (r#"{"event":""}"#, "event"),
            (r#"{"event":7}"#, "event"),
        ] {
            let (ctx, sent) = sent(body);
            let problem = block_on(signal(&ctx, &administrator_for_test(), "S1", sent)).unwrap_err();
            assert_eq!(problem.errors()[0].field, field, "{body}");
        }
    }

    #[test]
    fn what_is_no_action_or_no_id_leads_nowhere() {
        let steered = |id: &str, action: &str| {
            let (ctx, body) = sent("");
            block_on(steer(&ctx, &administrator_for_test(), id, action, body))
                .unwrap_err()
                .code()
        };
        assert_eq!(steered("K1", "delete"), Code::NotFound);
        assert_eq!(steered("..", "retry"), Code::SagaNotFound);
        assert_eq!(steered("", "retry"), Code::SagaNotFound);
    }
}
