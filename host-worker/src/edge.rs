//! The listener: the worker's own routes, and everything else to the components.

use axum::{Router, body::Body, extract::ConnectInfo, response::IntoResponse};
use http::{Request, Response};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use kessai_host::Host;
use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// A client that takes longer to send a request's head is cut off; keep-alive connections may idle as long.
const HEAD_LIMIT: Duration = Duration::from_secs(60);
/// After an accept that failed, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bodies stay as they come: no box around the components' answers for the sake of the few native ones.
type EdgeBody = Either<kessai_host::Body, Body>;

/// Who answers what.
#[derive(Clone)]
pub(crate) struct Edge {
    /// The worker's own routes.
    native: Router,
    /// Paths, or with a slash at the end their beginnings, that `native` answers. Without components it answers everything.
    paths: Vec<&'static str>,
    host: Option<Host>,
}

impl Edge {
    /// Native routes only.
    pub(crate) fn native(native: Router) -> Edge {
        Edge {
            native,
            paths: Vec::new(),
            host: None,
        }
    }

    /// `native` answers `paths`, the application the rest.
    pub(crate) fn application(native: Router, paths: Vec<&'static str>, host: Host) -> Edge {
        Edge {
            native,
            paths,
            host: Some(host),
        }
    }

    fn is_native(&self, path: &str) -> bool {
        self.paths.iter().any(|native| {
            path == *native
                || (native.ends_with('/')
                    && (path.starts_with(native) || path == native.trim_end_matches('/')))
        })
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<EdgeBody> {
        match &self.host {
            Some(host) if !self.is_native(request.uri().path()) => {
                host.handle(request, peer).await.map(Either::Left)
            }
            _ => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                let answer = self.native.clone().oneshot(request).await;
                answer
                    .unwrap_or_else(|never: Infallible| match never {})
                    .into_response()
                    .map(Either::Right)
            }
        }
    }

    /// Serves until `stop`, then takes no more connections and waits for the requests under way.
    ///
    /// Upgraded connections are not waited for: whoever upgraded them closes them.
    pub(crate) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let connections = TaskTracker::new();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(component = "edge", %error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are small and come in one piece: waiting to fill a segment only costs time. A socket on which this fails is
            // already dead and says so when it is read.
            let _ = stream.set_nodelay(true);
            let edge = self.clone();
            let answer = service_fn(move |request| {
                let edge = edge.clone();
                async move { Ok::<_, Infallible>(edge.answer(request, peer).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .serve_connection(TokioIo::new(stream), answer)
                .with_upgrades();
            let stop = stop.clone();
            connections.spawn(async move {
                let mut connection = pin!(connection);
                let ended = tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = stop.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = ended {
                    tracing::debug!(component = "edge", %peer, %error, "a connection broke");
                }
            });
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }
}
