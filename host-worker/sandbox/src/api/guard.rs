//! In front of every call: signature, clock, merchant; then the faults; then the log line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use paypay::result::ResultCode;
use paypay::signing::{self, Authorization, Credentials, Signed};

use super::Answered;
use crate::faults::ApiFate;
use crate::service::{OpaRefusal, Service};

/// Most bytes of a request's body.
const MAX_BODY_BYTES: usize = 1 << 20;
/// How long a call that a fault silences is held: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let request_id = text(request.headers(), "x-request-id");
    let traceparent = text(request.headers(), "traceparent");
    let response = admitted(&service, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response);
    tracing::info!(
        %method,
        path,
        request_id,
        traceparent,
        status = response.status().as_u16(),
        code = response.extensions().get::<Answered>().map(|answered| answered.0.as_str()),
        duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "PayPay call"
    );
    response
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_owned()
}

async fn admitted(service: &Service, request: Request, next: Next) -> Result<Response, OpaRefusal> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        OpaRefusal::new(
            400,
            ResultCode::InvalidRequestParams,
            format!("the body exceeds {MAX_BODY_BYTES} bytes"),
        )
    })?;
    check_signature(service, &parts.method, &parts.uri, &parts.headers, &body)?;
    check_merchant(service, &parts.headers)?;
    let (latency, fate) = service.dice.api(&service.faults().api);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let serve = next.run(Request::from_parts(parts, Body::from(body)));
    match fate {
        ApiFate::Served => Ok(serve.await),
        ApiFate::Failed { after_effect } => {
            if after_effect {
                serve.await;
            }
            Err(OpaRefusal::new(
                500,
                ResultCode::InternalServerError,
                "a fault on demand",
            ))
        }
        ApiFate::Silent { after_effect } => {
            if after_effect {
                serve.await;
            }
            tokio::time::sleep(SILENCE).await;
            Err(OpaRefusal::new(
                500,
                ResultCode::ServiceError,
                "a fault on demand",
            ))
        }
    }
}

fn check_signature(
    service: &Service,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), OpaRefusal> {
    let unauthorized = |reason: String| OpaRefusal::new(401, ResultCode::Unauthorized, reason);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let header: Authorization = text(header::AUTHORIZATION)
        .ok_or_else(|| unauthorized("there is no Authorization header".to_owned()))?
        .parse()
        .map_err(|error: signing::AuthorizationError| unauthorized(error.to_string()))?;
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let signed = Signed {
        method: method.as_str(),
        path: uri.path(),
        body: Some(signing::Body {
            content_type,
            bytes: body,
        }),
    };
    let credentials: &Credentials = &service.config.credentials;
    header
        .check(credentials, &signed, service.config.clock.seconds())
        .map_err(|error| unauthorized(error.to_string()))
}

/// A merchant may leave the header out, or empty as the official Python SDK does, but not name another merchant.
fn check_merchant(service: &Service, headers: &HeaderMap) -> Result<(), OpaRefusal> {
    match headers.get("x-assume-merchant") {
        Some(named) if !named.is_empty() && named.as_bytes() != service.config.merchant_id.as_bytes() => {
            Err(OpaRefusal::new(
                404,
                ResultCode::OpaClientNotFound,
                "this client does not act for that merchant",
            ))
        }
        _ => Ok(()),
    }
}
