//! The saga's steps: which function of which component a `ServiceName` and `ServiceMethod` mean.
//!
//! Every remote step is exactly-once in effect by its step id. A step of `order` itself changes the order in memory and gets to disk together with
//! the saga.

pub mod gateway;
pub mod inventory;
pub mod ledger;
mod local;
pub mod refund;
mod settle;

use crate::work::Work;
use edge::RequestContext;
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether the step is the order's own: it is written with the saga, in one transaction.
pub fn is_local(call: &ServiceCall) -> bool {
    call.service == "order" && !call.method.starts_with("settle")
}

/// Makes the call.
pub async fn invoke(
    work: &mut Work,
    call: &ServiceCall,
    ctx: &RequestContext,
) -> Result<Value, ServiceError> {
    match (call.service.as_str(), call.method.as_str()) {
        ("order", "settle-expiry" | "settle-cancel") => settle::invoke(work, call).await,
        ("order", _) => local::invoke(work, call),
        ("inventory", _) => inventory::invoke(call).await,
        ("account", _) => ledger::invoke(call).await,
        ("payment", _) => gateway::invoke(work, call, ctx).await,
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &ServiceCall) -> ServiceError {
    let message = format!("there is no step {}.{}", call.service, call.method);
    ServiceError::new(ErrorKind::Connect, "UnknownStep", message)
}

/// The call's one argument, an object.
fn argument<T: DeserializeOwned>(call: &ServiceCall) -> Result<T, ServiceError> {
    let value = call.input.first().cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| {
        let message = format!("the argument of {}.{}: {error}", call.service, call.method);
        ServiceError::business("InvalidArgument", message)
    })
}

/// The step id of the action that this call compensates.
fn compensated(call: &ServiceCall) -> Result<String, ServiceError> {
    call.compensates
        .as_ref()
        .map(|step| step.as_str().to_owned())
        .ok_or_else(|| {
            ServiceError::business(
                "InvalidArgument",
                format!("{}.{} compensates nothing", call.service, call.method),
            )
        })
}
