//! `ServiceType: "http"`: services that are not compiled in, called at the host that `saga_service_url` declares. The protocol is in
//! `docs/statelang.md`.

use edge::outbound::{Call, Error, Reply};
use edge::{RequestContext, StatusCode};
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde_json::Value;
use std::time::Duration;

/// The time for a call whose state sets none.
const LIMIT: Duration = Duration::from_secs(5);
/// The host ends a request after 10 s; a call that may take longer would never be heard.
const LONGEST: Duration = Duration::from_secs(8);

/// Posts a step to its service.
pub async fn invoke(call: &ServiceCall, base: &str, ctx: &RequestContext) -> Result<Value, ServiceError> {
    let address = address(call, base);
    let limit = call.timeout.map_or(LIMIT, Duration::from_millis).min(LONGEST);
    let mut request = Call::post(address)
        .within(limit)
        .header("idempotency-key", call.step_id.as_str())
        .header("saga-id", call.instance_id.as_str())
        .header("saga-attempt", call.attempt.to_string());
    if let Some(action) = &call.compensates {
        request = request.header("saga-compensates", action.as_str());
    }
    let body = match call.input.as_slice() {
        [one] => one.clone(),
        several => Value::from(several),
    };
    let request = request.json(&body).map_err(|error| failed(&error))?;
    let reply = request.send(ctx).await.map_err(|error| failed(&error))?;
    outcome(&reply)
}

/// `ServiceName` is an address, or the name of a service below the declared one.
fn address(call: &ServiceCall, base: &str) -> String {
    let path = call.method.trim_start_matches('/');
    if call.service.contains("://") {
        format!("{}/{path}", call.service.trim_end_matches('/'))
    } else {
        format!("{base}/{}/{path}", call.service)
    }
}

fn failed(error: &Error) -> ServiceError {
    let kind = match error {
        Error::Timeout { .. } => ErrorKind::Timeout,
        Error::Request(_) => ErrorKind::Connect,
        // The host does not say whether a connection was made before it broke, so the service may have acted.
        Error::Unreachable { .. } | Error::Unexpected { .. } => ErrorKind::Other,
    };
    let name = match error {
        Error::Timeout { .. } => "HttpTimeout",
        Error::Request(_) => "HttpRequest",
        Error::Unreachable { .. } => "HttpUnreachable",
        Error::Unexpected { .. } => "HttpAnswer",
    };
    ServiceError::new(kind, name, error.to_string())
}

fn outcome(reply: &Reply) -> Result<Value, ServiceError> {
    let status = reply.status;
    if status.is_success() {
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&reply.body)
            .map_err(|error| ServiceError::new(ErrorKind::Other, "HttpAnswer", error.to_string()));
    }
    let problem: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let text = |member: &str| problem.get(member).and_then(Value::as_str).map(str::to_owned);
    let kind = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => ErrorKind::Timeout,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Other,
        _ if status.is_client_error() => ErrorKind::Business,
        _ => ErrorKind::Other,
    };
    let name = text("code").unwrap_or_else(|| format!("HTTP_{}", status.as_u16()));
    let message = text("detail")
        .or_else(|| text("title"))
        .unwrap_or_else(|| format!("the service answered {status}"));
    Err(ServiceError::new(kind, name, message).with_ancestors([format!("HTTP_{}", status.as_u16())]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answered(status: u16, body: &'static str) -> Result<Value, ServiceError> {
        outcome(&Reply::for_test(StatusCode::from_u16(status).unwrap(), body))
    }

    #[test]
    fn an_answer_becomes_a_result() {
        assert_eq!(answered(200, r#"{"picked":3}"#).unwrap()["picked"], 3);
        assert_eq!(answered(204, "").unwrap(), Value::Null);
        assert_eq!(answered(200, "<html>").unwrap_err().kind, ErrorKind::Other);
    }

    #[test]
    fn a_refusal_has_its_code_and_kind() {
        for (status, body, name, kind) in [
            (409, r#"{"code":"SOLD_OUT"}"#, "SOLD_OUT", ErrorKind::Business),
            (404, "", "HTTP_404", ErrorKind::Business),
            (408, "", "HTTP_408", ErrorKind::Timeout),
            (429, "", "HTTP_429", ErrorKind::Other),
            (500, r#"{"code":"BROKEN"}"#, "BROKEN", ErrorKind::Other),
            (504, "", "HTTP_504", ErrorKind::Timeout),
        ] {
            let error = answered(status, body).unwrap_err();
            assert_eq!((error.name.as_str(), error.kind), (name, kind), "{status}");
            assert!(error.is(&format!("HTTP_{status}")));
        }
    }
}
