use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::Body as _;

use crate::context::REQUEST_ID;
use crate::{Answer, Problem, RequestContext, log};

/// Runs a handler and completes its answer: a problem becomes its document, and every answer gets `content-length`,
/// `X-Request-Id`, `Cache-Control: no-store` (unless the handler chose otherwise) and `X-Content-Type-Options: nosniff`.
///
/// Problems with a 5xx status are logged; others are the caller's to know.
pub async fn serve<B, H>(request: http::Request<B>, handler: H) -> Answer
where
    H: AsyncFnOnce(&RequestContext, B) -> Result<Answer, Problem>,
{
    let (parts, body) = request.into_parts();
    let ctx = RequestContext::from_parts(parts);
    let answer = handler(&ctx, body).await.unwrap_or_else(|problem| {
        if problem.status().is_server_error() {
            log::error(
                &ctx,
                "request_failed",
                serde_json::json!({
                    "method": ctx.method.as_str(), "path": ctx.path, "code": problem.code().as_str(), "detail": problem.detail(),
                }),
            );
        }
        problem.into_answer(&ctx)
    });
    complete(answer, &ctx)
}

fn complete(mut answer: Answer, ctx: &RequestContext) -> Answer {
    let length = answer.body().size_hint().exact().unwrap_or_default();
    // RFC 9110: 204 and 304 have no body and must not state the length of one.
    let bodiless = matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let headers = answer.headers_mut();
    if !bodiless {
        // Without a length the host would have to send chunks, and the last one costs a round trip.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Code, respond};
    use futures::executor::block_on;

    fn request() -> http::Request<()> {
        http::Request::builder()
            .uri("/x")
            .header(REQUEST_ID, "r1")
            .body(())
            .unwrap()
    }

    #[test]
    fn every_answer_is_completed() {
        let answer = block_on(serve(request(), async |_: &RequestContext, ()| {
            respond::json(StatusCode::OK, "hello")
        }));
        let headers = answer.headers();
        assert_eq!(headers[header::CONTENT_LENGTH], "7");
        assert_eq!(headers["x-request-id"], "r1");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn a_handler_may_allow_caching() {
        let answer = block_on(serve(request(), async |_: &RequestContext, ()| {
            respond::with_header(
                respond::empty(StatusCode::OK),
                header::CACHE_CONTROL,
                "public, max-age=5",
            )
        }));
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=5");
        assert_eq!(answer.headers()[header::CONTENT_LENGTH], "0");
    }

    #[test]
    fn a_problem_becomes_an_answer() {
        let answer = block_on(serve(request(), async |_: &RequestContext, ()| {
            Err(Problem::new(Code::NotFound))
        }));
        assert_eq!(answer.status(), 404);
        assert_eq!(
            answer.headers()[header::CONTENT_LENGTH]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .ok(),
            answer.body().size_hint().exact()
        );
    }
}
