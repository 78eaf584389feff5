//! In front of every call: signature, clock, merchant; then the faults; then the log line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::stream;
use paypay::signing::{self, Authorization, Credentials, Signed};

use super::answer::Answered;
use super::subject;
use crate::faults::{ApiFate, Faults};
use crate::opa::{self, OpaRefusal};
use crate::service::Service;

/// Most bytes of a request's body.
const MAX_BODY_BYTES: usize = 1 << 20;
/// How long a call that a fault silences is held: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(60);
/// PayPay's own id of a call, which its support asks for. Source: PayPay's API documentation, "API General Request ID".
const REQUEST_ID: &str = "x-request-id";

pub(super) async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let request_id = text(request.headers(), REQUEST_ID);
    let traceparent = text(request.headers(), "traceparent");
    let mut response = admitted(&service, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response);
    let own_id = format!("OPA{}", uuid::Uuid::new_v4().simple()).to_uppercase();
    if let Ok(value) = HeaderValue::from_str(&own_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::info!(
        %method,
        path,
        request_id,
        traceparent,
        opa_request_id = own_id,
        status = response.status().as_u16(),
        code = response.extensions().get::<Answered>().map(|answered| answered.0),
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
        let message = format!("the body exceeds {MAX_BODY_BYTES} bytes");
        OpaRefusal::new(opa::INVALID_REQUEST, message)
    })?;
    check_signature(service, &parts.method, &parts.uri, &parts.headers, &body)?;
    check_merchant(service, &parts.uri, &parts.headers)?;
    let subject = subject::of(service, &parts.method, &parts.uri, &body).await?;
    let (faults, latency, fate) = service.faults.api(subject.as_deref());
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if faults.maintenance {
        return Err(OpaRefusal::new(
            opa::MAINTENANCE,
            "PayPay is closed for maintenance",
        ));
    }
    let serve = next.run(Request::from_parts(parts, Body::from(body)));
    match fate {
        ApiFate::Served => Ok(serve.await),
        ApiFate::Limited => Ok(too_many(&faults)),
        ApiFate::Cut => Ok(broken_off(serve.await).await),
        ApiFate::Failed { after_effect } => {
            if after_effect {
                serve.await;
            }
            Err(OpaRefusal::new(opa::INTERNAL_ERROR, "a fault on demand"))
        }
        ApiFate::Silent { after_effect } => {
            if after_effect {
                serve.await;
            }
            tokio::time::sleep(SILENCE).await;
            Err(OpaRefusal::new(opa::SERVICE_ERROR, "a fault on demand"))
        }
    }
}

fn too_many(faults: &Faults) -> Response {
    let mut response = OpaRefusal::new(opa::RATE_LIMIT, "a fault on demand").into_response();
    let seconds = faults.api.retry_after_seconds;
    if seconds > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The answer up to the middle of its body, where the connection breaks.
async fn broken_off(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half: Result<Bytes, std::io::Error> = Ok(whole.slice(..whole.len() / 2));
    let end = Err(std::io::ErrorKind::ConnectionReset.into());
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    Response::from_parts(parts, Body::from_stream(stream::iter([half, end])))
}

fn check_signature(
    service: &Service,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), OpaRefusal> {
    let unauthorized = |reason: String| OpaRefusal::new(opa::UNAUTHORIZED, reason);
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

/// A merchant may leave its name out, or empty as the official Python SDK does, but not give another merchant's. The query goes before the header, says
/// PayPay's API documentation.
fn check_merchant(service: &Service, uri: &Uri, headers: &HeaderMap) -> Result<(), OpaRefusal> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let in_query = pairs
        .filter_map(|pair| pair.strip_prefix("assumeMerchant="))
        .next();
    let named = match in_query {
        Some(named) => named.as_bytes(),
        None => headers
            .get("x-assume-merchant")
            .map(HeaderValue::as_bytes)
            .unwrap_or_default(),
    };
    if named.is_empty() || named == service.config.merchant_id.as_bytes() {
        return Ok(());
    }
    let message = "this client does not act for that merchant";
    Err(OpaRefusal::new(opa::NO_CLIENT, message))
}
