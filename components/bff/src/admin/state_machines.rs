//! State machines: list, show, register.

use edge::outbound::Call;
use edge::{Answer, Body, Code, Problem, RequestContext, json_body};
use serde_json::{Map, Value};

use super::segment;
use crate::order_component::{self, SAGA_LIMIT, address};
use crate::session::Session;

/// Far above any machine that a person draws.
const LARGEST_DEFINITION: usize = 512 * 1024;

pub async fn list(ctx: &RequestContext, session: &Session) -> Result<Answer, Problem> {
    let call = Call::get(address("/admin/state-machines").await?);
    order_component::send(ctx, session, call).await?.pass_on()
}

pub async fn show(ctx: &RequestContext, session: &Session, name: &str) -> Result<Answer, Problem> {
    let name = segment(name).ok_or(Code::StateMachineNotFound)?;
    let call = Call::get(address(&format!("/admin/state-machines/{name}")).await?);
    order_component::send(ctx, session, call).await?.pass_on()
}

/// Registers a definition, whose keys keep their order. The order component judges it.
pub async fn register(ctx: &RequestContext, session: &Session, body: impl Body) -> Result<Answer, Problem> {
    let definition: Map<String, Value> = json_body(ctx, body, LARGEST_DEFINITION).await?;
    let call = Call::post(address("/admin/state-machines").await?)
        .within(SAGA_LIMIT)
        .json(&definition)?;
    order_component::send(ctx, session, call).await?.pass_on()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::administrator_for_test;
    use bytes::Bytes;
    use futures::executor::block_on;
    use http_body_util::Full;

    fn refused(content_type: &str, body: &'static str) -> Code {
        let ctx = RequestContext::for_test("POST", "/x").with_header("content-type", content_type);
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        block_on(register(&ctx, &administrator_for_test(), body))
            .unwrap_err()
            .code()
    }

    #[test]
    fn only_a_json_object_can_be_a_definition() {
        assert_eq!(refused("text/plain", "{}"), Code::UnsupportedMediaType);
        assert_eq!(refused("application/json", "{"), Code::MalformedJson);
        assert_eq!(refused("application/json", " [1]"), Code::ValidationFailed);
        assert_eq!(refused("application/json", "\"x\""), Code::ValidationFailed);
        let long = String::leak(format!("\"{}\"", "x".repeat(LARGEST_DEFINITION)));
        assert_eq!(refused("application/json", long), Code::BodyTooLarge);
    }
}
