//! How long a call out of a component waits, as its request says: for a connection, and for each part of the answer.

use http::Uri;
use http_body::{Body, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep, timeout};
use tower::Service;

/// For a connection, TLS included, if the request does not say.
const CONNECT: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// For the connections that this call makes. The client that all calls share has no other way to learn it.
    static LIMIT: Duration;
}

/// Makes a call whose connection, if it needs a new one, has so much time.
pub(super) async fn connecting_within<F: Future>(limit: Option<Duration>, call: F) -> F::Output {
    LIMIT.scope(limit.unwrap_or(CONNECT), call).await
}

/// A connector that gives up when the time of the call is over that it connects for; the error is an [`io::Error`] of the kind `TimedOut`.
#[derive(Clone, Debug)]
pub(crate) struct Limited<C>(pub(super) C);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<C> Service<Uri> for Limited<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        // Read now: the client may go on with it in a task of its own, for whoever comes next.
        let limit = LIMIT.try_with(|limit| *limit).unwrap_or(CONNECT);
        let connecting = self.0.call(to);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

/// A body each part of which must come in time, from when it is waited for.
pub(super) struct Paced<B: Body> {
    body: B,
    limit: Duration,
    late: fn() -> B::Error,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<B: Body> Paced<B> {
    /// `late`: the error when a part does not come.
    pub(super) fn new(body: B, limit: Duration, late: fn() -> B::Error) -> Self {
        Self {
            body,
            limit,
            late,
            waiting: None,
        }
    }
}

impl<B: Body + Unpin> Body for Paced<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = None;
            return Poll::Ready(frame);
        }
        let limit = this.limit;
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        waiting.as_mut().poll(context).map(|()| Some(Err((this.late)())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use futures::{StreamExt, stream};
    use http_body_util::{BodyExt, Empty, StreamBody};
    use hyper_util::{
        client::legacy::{Client, Error, connect::HttpConnector},
        rt::{TokioExecutor, TokioIo},
    };
    use std::convert::Infallible;
    use tokio::net::TcpStream;

    const SHORT: Duration = Duration::from_millis(20);
    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(3600);

    /// Connects to nobody, ever.
    #[derive(Clone)]
    struct Nobody;

    impl Service<Uri> for Nobody {
        type Response = TokioIo<TcpStream>;
        type Error = io::Error;
        type Future = std::future::Pending<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            std::future::pending()
        }
    }

    fn io_kind(error: &Error) -> Option<io::ErrorKind> {
        let source = std::error::Error::source(error)?;
        source.downcast_ref::<io::Error>().map(io::Error::kind)
    }

    #[tokio::test]
    async fn a_connection_has_the_time_that_its_call_allows() {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(Limited(Nobody));
        let call = || client.get(Uri::from_static("http://nobody.invalid/"));
        let hasty = connecting_within(Some(SHORT), call());
        // Well before the time that everybody has who says nothing.
        let error = timeout(CONNECT / 2, hasty).await.unwrap().unwrap_err();
        assert!(error.is_connect());
        assert_eq!(io_kind(&error), Some(io::ErrorKind::TimedOut));
        // Another call's limit is its own.
        let patient = connecting_within(Some(LONG), call());
        assert!(timeout(5 * SHORT, patient).await.is_err());
    }

    #[tokio::test]
    async fn other_failures_to_connect_stay_what_they_are() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let client: Client<_, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build(Limited(HttpConnector::new()));
        let to = format!("http://127.0.0.1:{port}/").parse().unwrap();
        let error = connecting_within(Some(LONG), client.get(to)).await.unwrap_err();
        assert!(error.is_connect());
        assert_ne!(io_kind(&error), Some(io::ErrorKind::TimedOut));
    }

    fn frame(text: &'static str) -> Result<Frame<Bytes>, &'static str> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn a_part_that_does_not_come_ends_the_body() {
        let stalls = stream::iter([frame("a"), frame("b")]).chain(stream::pending());
        let mut body = Paced::new(StreamBody::new(stalls), SHORT, || "late");
        for expected in ["a", "b"] {
            let part = body.frame().await.unwrap().unwrap();
            assert_eq!(part.into_data().unwrap(), expected);
        }
        assert_eq!(body.frame().await.unwrap().unwrap_err(), "late");
    }

    #[tokio::test]
    async fn a_reader_who_takes_its_time_is_not_late() {
        let parts = stream::iter([frame("a"), frame("b")]);
        let mut body = Paced::new(StreamBody::new(parts), Duration::ZERO, || "late");
        let mut read = Vec::new();
        while let Some(part) = body.frame().await {
            read.extend(part.unwrap().into_data().unwrap());
            tokio::time::sleep(SHORT).await;
        }
        assert_eq!(read, b"ab");
    }

    #[tokio::test]
    async fn each_part_has_its_own_time() {
        let slow = stream::unfold(0, |count| async move {
            tokio::time::sleep(SHORT).await;
            (count < 5).then_some((
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))),
                count + 1,
            ))
        });
        let body = Paced::new(StreamBody::new(Box::pin(slow)), LONG, || {
            unreachable!("LONG never ends")
        });
        assert_eq!(body.collect().await.unwrap().to_bytes(), "xxxxx");
    }
}
