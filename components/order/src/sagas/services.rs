//! What a registered machine can call: the stock, the accounts, and HTTP services. Every one is exactly-once in effect by its step id.

use super::remote;
use crate::steps::{inventory, ledger};
use edge::RequestContext;
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde_json::Value;

/// `ServiceType` of a service that is called by HTTP.
const HTTP: &str = "http";

/// Services of the shop and their methods.
const OWN: [(&str, &[&str]); 2] = [
    ("inventory", &["reserve", "confirm", "release"]),
    ("account", &["debit", "credit"]),
];

/// Why a machine that calls this cannot run here; `None` if it can.
pub fn objection(service: &str, method: &str, service_type: Option<&str>) -> Option<String> {
    if service_type == Some(HTTP) {
        return None;
    }
    if let Some(other) = service_type.filter(|name| !name.is_empty()) {
        return Some(format!(
            "ServiceType `{other}` is not known here: leave it out, or `http`"
        ));
    }
    match OWN.iter().find(|(name, _)| *name == service) {
        None => Some(format!(
            "there is no service `{service}` here: `inventory`, `account`, or any with ServiceType `http`"
        )),
        Some((_, methods)) if !methods.contains(&method) => Some(format!(
            "`{service}` has no method `{method}`: {}",
            methods.join(", ")
        )),
        Some(_) => None,
    }
}

/// Makes the call.
pub async fn invoke(
    call: &ServiceCall,
    service_url: &str,
    ctx: &RequestContext,
) -> Result<Value, ServiceError> {
    match (call.service_type.as_deref(), call.service.as_str()) {
        (Some(HTTP), _) => remote::invoke(call, service_url, ctx).await,
        (_, "inventory") => inventory::invoke(call).await,
        (_, "account") => ledger::invoke(call).await,
        _ => {
            let message = format!("there is no service {}", call.service);
            Err(ServiceError::new(ErrorKind::Connect, "UnknownStep", message))
        }
    }
}
