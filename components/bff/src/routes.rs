//! Every route of the edge API, and what each asks of its caller.

use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};

use crate::{admin, auth, origin, session, shop};

/// Answers one request.
pub async fn route(ctx: &RequestContext, body: impl Body) -> Result<Answer, Problem> {
    match ctx.segments().as_slice() {
        ["health"] => {
            ctx.allow(&[Method::GET])?;
            respond::json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
        }
        ["auth", rest @ ..] => auth_routes(ctx, rest, body).await,
        ["api", "orders", rest @ ..] => order_routes(ctx, rest, body).await,
        ["api", "admin", rest @ ..] => admin_routes(ctx, rest, body).await,
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
        [order_no, "payment"] => {
            ctx.allow(&[Method::GET])?;
            let session = session::required(ctx).await?;
            orders::payment(ctx, &session, order_no).await
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

async fn admin_routes(ctx: &RequestContext, rest: &[&str], body: impl Body) -> Result<Answer, Problem> {
    use admin::{payments, sagas, state_machines};
    let reads = ctx.effective_method() == Method::GET;
    match rest {
        ["sagas"] => {
            ctx.allow(&[Method::GET, Method::POST])?;
            let session = operator(ctx).await?;
            if reads {
                sagas::list(ctx, &session).await
            } else {
                sagas::start(ctx, &session, body).await
            }
        }
        ["sagas", id] => {
            ctx.allow(&[Method::GET])?;
            sagas::show(ctx, &operator(ctx).await?, id).await
        }
        ["sagas", id, "events"] => {
            ctx.allow(&[Method::POST])?;
            sagas::signal(ctx, &operator(ctx).await?, id, body).await
        }
        ["sagas", id, action] => {
            ctx.allow(&[Method::POST])?;
            sagas::steer(ctx, &operator(ctx).await?, id, action, body).await
        }
        ["payments"] => {
            ctx.allow(&[Method::GET])?;
            payments::list(ctx, &operator(ctx).await?).await
        }
        ["payments", order_no] => {
            ctx.allow(&[Method::GET])?;
            payments::show(ctx, &operator(ctx).await?, order_no).await
        }
        ["payments", order_no, "refund"] => {
            ctx.allow(&[Method::POST])?;
            payments::refund(ctx, &operator(ctx).await?, order_no, body).await
        }
        ["state-machines"] => {
            ctx.allow(&[Method::GET, Method::POST])?;
            let session = operator(ctx).await?;
            if reads {
                state_machines::list(ctx, &session).await
            } else {
                state_machines::register(ctx, &session, body).await
            }
        }
        ["state-machines", name] => {
            ctx.allow(&[Method::GET])?;
            state_machines::show(ctx, &operator(ctx).await?, name).await
        }
        _ => Err(Code::NotFound.into()),
    }
}

/// The administrator who asks; for a change, from a page of ours.
async fn operator(ctx: &RequestContext) -> Result<session::Session, Problem> {
    if ctx.effective_method() != Method::GET {
        origin::require_own(ctx).await?;
    }
    session::administrator(ctx).await
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
            "/api/admin",
            "/api/admin/alerts",
            "/api/admin/sagas/K1/retry/now",
            "/api/admin/state-machines/m/versions",
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
            ("POST", "/api/orders/K1/payment"),
            ("DELETE", "/api/admin/sagas"),
            ("POST", "/api/admin/sagas/K1"),
            ("GET", "/api/admin/sagas/K1/retry"),
            ("PUT", "/api/admin/state-machines"),
            ("POST", "/api/admin/payments"),
            ("DELETE", "/api/admin/payments/K1"),
            ("GET", "/api/admin/payments/K1/refund"),
            ("POST", "/api/admin/state-machines/m"),
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
            "/api/orders/K1/payment",
            "/api/account",
            "/api/admin/sagas",
            "/api/admin/sagas/K1",
            "/api/admin/payments",
            "/api/admin/payments/K1",
            "/api/admin/state-machines",
            "/api/admin/state-machines/m",
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
