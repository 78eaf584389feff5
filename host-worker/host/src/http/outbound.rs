//! Requests out of a component: only where its manifest entry allows, and to `*.spin.internal` without leaving the process.

use super::patience::{Limited, Paced, connecting_within};
use super::request::{RequestContext, TRACEPARENT, X_REQUEST_ID};
use crate::{
    crash,
    guest::{Capabilities, CurrentRequest},
};
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, Result as HttpResult, WasiBody, WasiHttpHooks,
};

const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const INTERNAL: &str = ".spin.internal";

/// The pooled client that all components share.
pub(crate) type Client = legacy::Client<Limited<HttpsConnector<HttpConnector>>, WasiBody>;

/// # Errors
///
/// If the TLS library refuses its own default protocol versions.
pub(crate) fn client() -> Result<Client, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    // The TLS layer above decides about the scheme.
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        // Named, since which one is the default depends on what else is in the executable.
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .build(Limited(connector)))
}

/// One instance's way out.
pub(crate) struct Outbound {
    capabilities: Arc<Capabilities>,
    request: CurrentRequest,
}

type Answer = (
    Response<WasiBody>,
    Box<dyn Future<Output = HttpResult<()>> + Send>,
);

impl Outbound {
    pub(crate) fn new(capabilities: Arc<Capabilities>, request: CurrentRequest) -> Self {
        Self {
            capabilities,
            request,
        }
    }

    fn current(&self) -> Arc<RequestContext> {
        Arc::clone(&self.request.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl WasiHttpHooks for Outbound {
    /// As the default, without allocating for every header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // Tells how the guest's reading of the answer ended, which nobody here needs to know.
        _: Box<dyn Future<Output = HttpResult<()>> + Send>,
    ) -> Box<dyn Future<Output = HttpResult<Answer>> + Send> {
        let context = self.current();
        if !self.capabilities.hosts.allow(request.uri()) {
            let (component, request_id) = (&*self.capabilities.component, context.id.as_str());
            let origin = request.uri().authority().map(http::uri::Authority::as_str);
            tracing::warn!(
                component,
                request_id,
                origin,
                "refused: not in allowed_outbound_hosts"
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let capabilities = Arc::clone(&self.capabilities);
        let internal = request.uri().host().and_then(|host| {
            let name = host.len().checked_sub(INTERNAL.len())?;
            let (name, suffix) = host.split_at_checked(name)?;
            suffix
                .eq_ignore_ascii_case(INTERNAL)
                .then(|| name.to_ascii_lowercase())
        });
        Box::new(async move {
            let response = match internal {
                Some(component) => chain(&capabilities, &component, request, &context).await?,
                None => send(&capabilities.client, request, options).await?,
            };
            Ok((response, Box::new(async { Ok(()) }) as Box<_>))
        })
    }
}

/// Calls another component of the application.
async fn chain(
    capabilities: &Capabilities,
    component: &str,
    mut request: Request<WasiBody>,
    outer: &RequestContext,
) -> HttpResult<Response<WasiBody>> {
    let Some(app) = capabilities.app.upgrade() else {
        return Err(Error::ConnectionTerminated);
    };
    // Who forgets to pass the identity on, passes it on.
    let headers = request.headers_mut();
    if !headers.contains_key(X_REQUEST_ID) {
        headers.insert(X_REQUEST_ID, outer.id_header());
    }
    if !headers.contains_key(TRACEPARENT) {
        headers.insert(TRACEPARENT, outer.traceparent.clone());
    }
    let response = app
        .chain(component, request, outer.deadline)
        .await
        .ok_or(Error::DestinationNotFound)?;
    Ok(response.map(super::Body::into_wasi))
}

/// Calls somebody else, and waits as long as the request's options say: for the connection, for the answer's head, for each part of its body.
async fn send(
    client: &Client,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> HttpResult<Response<WasiBody>> {
    let host = request
        .uri()
        .authority()
        .map(ToString::to_string)
        .unwrap_or_default();
    crash::at(crash::Point::BeforeSend, &host);
    let options = options.unwrap_or_default();
    let answer = connecting_within(options.connect_timeout, client.request(request));
    let response = match options.first_byte_timeout {
        Some(timeout) => tokio::time::timeout(timeout, answer)
            .await
            .map_err(|_| Error::HttpResponseTimeout)?,
        None => answer.await,
    }
    .map_err(translate)?;
    crash::at(crash::Point::AfterSend, &host);
    Ok(response.map(|body| {
        let body = body.map_err(Error::from);
        match options.between_bytes_timeout {
            Some(limit) => Paced::new(body, limit, || Error::ConnectionReadTimeout).boxed_unsync(),
            None => body.boxed_unsync(),
        }
    }))
}

fn translate(error: legacy::Error) -> Error {
    use std::error::Error as _;
    if error.is_connect() {
        let io = error.source().and_then(|mut source| {
            loop {
                match source.downcast_ref::<std::io::Error>() {
                    Some(io) => break Some(io.kind()),
                    None => source = source.source()?,
                }
            }
        });
        return match io {
            Some(std::io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
            Some(kind) => Error::Connect(kind.into()),
            None => Error::ConnectionRefused,
        };
    }
    Error::InternalError(Some(error.to_string()))
}
