//! Calls to the order component, which takes our word for who asks.

use std::time::Duration;

use edge::outbound::{Call, Reply};
use edge::{Problem, RequestContext};

use crate::session::Session;
use crate::settings;

/// For what drives a saga. PayPay has 5 s of this; the host ends a request after 10 s.
pub const SAGA_LIMIT: Duration = Duration::from_secs(9);

/// The address of `path`, which begins with a slash, at the component.
pub async fn address(path: &str) -> Result<String, Problem> {
    Ok(format!("{}{path}", settings::order_url().await?))
}

/// Makes the call in the name of whoever is logged in.
pub async fn send(ctx: &RequestContext, session: &Session, call: Call) -> Result<Reply, Problem> {
    Ok(call.header("x-user-id", &session.user_id).send(ctx).await?)
}
