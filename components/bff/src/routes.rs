//! Every route of the edge API, and what each asks of its caller.

use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};

use crate::{auth, origin, session, shop};

/// Answers one request.
pub async fn route(ctx: &RequestContext, body: impl Body) -> Result<Answer, Problem> {
    match ctx.segments().as_slice() {
        ["health"] => {
            ctx.allow(&[Method::GET])?;
            respond::json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
        }
        ["auth", rest @ ..] => auth_routes(ctx, rest, body).await,
        ["api", "orders", rest @ ..] => order_routes(ctx, rest, body).await,
        ["api", "account"] => {
            ctx.allow(&[Method::GET])?;
            let session = session::required(ctx).await?;
            shop::account::show(ctx, &session).await
        }
        ["api", "categories"] => {
            ctx.allow(&[Method::GET])?;
            shop::catalog::categories(ctx).await
        }
        ["api", "products", rest @ ..] => product_routes(ctx, rest).await,
        _ => Err(Code::NotFound.into()),
    }
}

async fn auth_routes(ctx: &RequestContext, rest: &[&str], body: impl Body) -> Result<Answer, Problem> {
    match rest {
        ["session"] => {
            ctx.allow(&[Method::POST])?;
            origin::require_own(ctx).await?;
            auth::log_in(ctx, body).await
        }
        ["status"] => {
            ctx.allow(&[Method::GET])?;
            auth::status(ctx).await
        }
        ["logout"] => {
            ctx.allow(&[Method::POST])?;
            origin::require_own(ctx).await?;
            auth::log_out(ctx).await
        }
        _ => Err(Code::NotFound.into()),
    }
}

async fn product_routes(ctx: &RequestContext, rest: &[&str]) -> Result<Answer, Problem> {
    use shop::catalog;
    if rest.len() > 1 {
        return Err(Code::NotFound.into());
    }
    ctx.allow(&[Method::GET])?;
    match rest {
        [] => catalog::products(ctx).await,
        ["search"] => catalog::search(ctx).await,
        ["suggest"] => catalog::suggest(ctx).await,
        ["batch"] => catalog::batch(ctx).await,
        [id, ..] => catalog::product(ctx, id).await,
    }
}

async fn order_routes(ctx: &RequestContext, rest: &[&str], body: impl Body) -> Result<Answer, Problem> {
    use shop::orders;
    match rest {
        [] => {
            ctx.allow(&[Method::GET, Method::POST])?;
            if ctx.effective_method() == Method::GET {
                let session = session::required(ctx).await?;
                orders::list(ctx, &session).await
            } else {
                let session = changing(ctx).await?;
                orders::create(ctx, &session, body).await
            }
        }
        [order_no] => {
            ctx.allow(&[Method::GET])?;
            let session = session::required(ctx).await?;
            orders::show(ctx, &session, order_no).await
        }
        [order_no, "qrcode"] => {
            ctx.allow(&[Method::GET])?;
            let session = session::required(ctx).await?;
            orders::qrcode(ctx, &session, order_no).await
        }
        [order_no, "cancel"] => {
            ctx.allow(&[Method::POST])?;
            let session = changing(ctx).await?;
            orders::cancel(ctx, &session, order_no).await
        }
        [order_no, "channel"] => {
            ctx.allow(&[Method::POST])?;
            let session = changing(ctx).await?;
            orders::channel(ctx, &session, order_no).await
        }
        _ => Err(Code::NotFound.into()),
    }
}

/// The session of a request that changes something: the page that sent it must be ours, before its cookie counts.
async fn changing(ctx: &RequestContext) -> Result<session::Session, Problem> {
    origin::require_own(ctx).await?;
    session::required(ctx).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use futures::executor::block_on;
    use http_body_util::Full;

    fn refused(method: &str, path: &str) -> Code {
        let ctx = RequestContext::for_test(method, path);
        block_on(route(&ctx, Full::new(Bytes::new()))).unwrap_err().code()
    }

    #[test]
    fn unknown_routes_are_not_found() {
        for path in [
            "/",
            "/api",
            "/api/",
            "/api/carts",
            "/api/products/1/stock",
            "/auth",
            "/auth/session/x",
            "/api/orders/K1/pay",
            "/api/orders/K1/cancel/now",
            "/api/account/",
            "/health/live",
        ] {
            assert_eq!(refused("GET", path), Code::NotFound, "{path}");
        }
    }

    #[test]
    fn a_known_route_refuses_other_methods() {
        for (method, path) in [
            ("POST", "/health"),
            ("GET", "/auth/session"),
            ("POST", "/auth/status"),
            ("GET", "/auth/logout"),
            ("POST", "/api/categories"),
            ("DELETE", "/api/products/1"),
            ("PUT", "/api/orders"),
            ("DELETE", "/api/orders/K1"),
            ("GET", "/api/orders/K1/cancel"),
            ("GET", "/api/orders/K1/channel"),
            ("POST", "/api/orders/K1/qrcode"),
            ("POST", "/api/account"),
        ] {
            assert_eq!(refused(method, path), Code::MethodNotAllowed, "{method} {path}");
        }
    }

    #[test]
    fn what_is_private_needs_a_session() {
        for path in [
            "/api/orders",
            "/api/orders/K20261122-7F3K9Q2MXA",
            "/api/orders/K1/qrcode",
            "/api/account",
        ] {
            assert_eq!(refused("GET", path), Code::Unauthenticated, "{path}");
        }
    }

    #[test]
    fn the_component_says_that_it_lives() {
        let ctx = RequestContext::for_test("GET", "/health");
        assert_eq!(
            block_on(route(&ctx, Full::new(Bytes::new()))).unwrap().status(),
            200
        );
    }
}
