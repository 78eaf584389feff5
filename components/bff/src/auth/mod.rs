//! Logging in and out.

mod keys;
mod rs256;
mod token;

use domain::Instant;
use edge::{Answer, Body, Code, Problem, RequestContext, StatusCode, header, json_body, log, respond};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::session::{self, Session, SessionId, cookie};
use crate::settings;
use token::Expected;

/// A JWT with many claims stays well below this.
const LARGEST_LOGIN: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    id_token: String,
}

/// A user as the API shows them to themselves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    user_id: &'a str,
    email: Option<&'a str>,
    name: Option<&'a str>,
    role: &'static str,
    expires_at: String,
}

impl<'a> From<&'a Session> for User<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            user_id: &session.user_id,
            email: session.email.as_deref(),
            name: session.name.as_deref(),
            role: session.role.as_str(),
            expires_at: session.expires_at.to_string(),
        }
    }
}

/// Exchanges an identity token for a session.
pub async fn log_in(ctx: &RequestContext, body: impl Body) -> Result<Answer, Problem> {
    let login: Login = json_body(ctx, body, LARGEST_LOGIN).await?;
    let session = identify(ctx, &login.id_token).await?;

    let now = Instant::now();
    let id = SessionId::generate()?;
    let store = session::open_store(ctx).await?;
    let replaced = store
        .begin(cookie::session_id(ctx).as_ref(), &id, &session, now)
        .await
        .map_err(|error| session::unavailable(ctx, error))?;
    log::info(
        ctx,
        "session_created",
        json!({
            "userId": session.user_id, "role": session.role.as_str(), "expiresAt": session.expires_at.to_string(), "replaced": replaced,
        }),
    );

    let seconds = i64::try_from(session.expires_at.since(now).as_secs()).unwrap_or(i64::MAX);
    let answer = respond::json(StatusCode::OK, &User::from(&session))?;
    respond::with_header(
        answer,
        header::SET_COOKIE,
        &cookie::set(&id, seconds, settings::cookie_secure().await?),
    )
}

/// Who the token says is there, once it is proven that the issuer says so.
async fn identify(ctx: &RequestContext, id_token: &str) -> Result<Session, Problem> {
    let issuer = settings::Issuer::read().await?;
    let refuse = |error: token::TokenError| {
        log::warn(ctx, "token_refused", json!({"reason": error.to_string()}));
        Problem::new(Code::InvalidToken).with_detail(error.to_string())
    };
    let key_id = token::key_id(id_token).map_err(refuse)?;
    let key = keys::find(ctx, &issuer.jwks_url, &key_id)
        .await?
        .ok_or(token::TokenError::UnknownKey)
        .map_err(refuse)?;
    let expected = Expected {
        issuer: &issuer.issuer,
        audience: &issuer.audience,
        now: Instant::now(),
    };
    token::verify(id_token, &key, &expected).map_err(refuse)
}

/// Says who is logged in; nobody is an answer too.
pub async fn status(ctx: &RequestContext) -> Result<Answer, Problem> {
    match session::current(ctx).await? {
        Some(session) => respond::json(
            StatusCode::OK,
            &json!({"authenticated": true, "user": User::from(&session)}),
        ),
        None => respond::json(StatusCode::OK, &json!({"authenticated": false})),
    }
}

/// Ends the session, if there is one, and makes the browser forget it.
pub async fn log_out(ctx: &RequestContext) -> Result<Answer, Problem> {
    if let Some(id) = cookie::session_id(ctx) {
        let store = session::open_store(ctx).await?;
        let ended = async {
            let session = store.find(&id, Instant::now()).await?;
            Ok((store.end(&id).await?, session))
        };
        let (deleted, session) = ended
            .await
            .map_err(|error: session::store::Failure| session::unavailable(ctx, error))?;
        if deleted {
            log::info(
                ctx,
                "session_deleted",
                json!({"userId": session.map(|session| session.user_id)}),
            );
        }
    }
    respond::with_header(
        respond::empty(StatusCode::NO_CONTENT),
        header::SET_COOKIE,
        &cookie::clear(settings::cookie_secure().await?),
    )
}
