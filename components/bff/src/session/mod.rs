//! Sessions: who is logged in, by the cookie that came along.

pub mod cookie;
mod id;
pub mod redis;
pub mod store;
pub mod table;

use ::store::Database;
use domain::Instant;
use edge::{Code, Problem, RequestContext, log};
pub use id::SessionId;
use store::Store;

/// What a user may do beyond buying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Buyer,
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Buyer => "buyer",
            Role::Admin => "admin",
        }
    }

    /// By the claim `role` or the column of that name; whatever is not an administrator is a buyer.
    pub fn from_name(name: &str) -> Self {
        if name == "admin" { Role::Admin } else { Role::Buyer }
    }
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The issuer's `sub`: 1 to 128 visible ASCII characters.
    pub user_id: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Role,
    pub expires_at: Instant,
}

/// Opens the session store.
pub async fn open_store(ctx: &RequestContext) -> Result<Store, Problem> {
    Store::open().await.map_err(|error| unavailable(ctx, error))
}

/// Opens the database `sessions`, which has the issuers' keys wherever the sessions are.
pub async fn open_database(ctx: &RequestContext) -> Result<Database, Problem> {
    Database::open("sessions")
        .await
        .map_err(|error| unavailable(ctx, error))
}

/// The session that the request's cookie names, if there is one that has not ended. The store is asked once; not at all without a cookie.
///
/// # Errors
/// `SESSION_STORE_UNAVAILABLE`: whether there is one cannot be said, and is not guessed.
pub async fn current(ctx: &RequestContext) -> Result<Option<Session>, Problem> {
    let Some(id) = cookie::session_id(ctx) else {
        return Ok(None);
    };
    let store = open_store(ctx).await?;
    store
        .find(&id, Instant::now())
        .await
        .map_err(|error| unavailable(ctx, error))
}

/// The session, for what only somebody who is logged in may do.
///
/// # Errors
/// `UNAUTHENTICATED`, `SESSION_STORE_UNAVAILABLE`
pub async fn required(ctx: &RequestContext) -> Result<Session, Problem> {
    if let Some(session) = current(ctx).await? {
        return Ok(session);
    }
    let reason = if cookie::session_id(ctx).is_some() {
        "unknown_or_ended"
    } else {
        "no_cookie"
    };
    log::info(
        ctx,
        "session_missing",
        serde_json::json!({"reason": reason, "method": ctx.method.as_str(), "path": ctx.path}),
    );
    Err(Code::Unauthenticated.into())
}

/// The session, for what only an administrator may do.
///
/// # Errors
/// As [`required`], and `FORBIDDEN` for everybody else who is logged in.
pub async fn administrator(ctx: &RequestContext) -> Result<Session, Problem> {
    only_administrators(ctx, required(ctx).await?)
}

fn only_administrators(ctx: &RequestContext, session: Session) -> Result<Session, Problem> {
    if session.role == Role::Admin {
        return Ok(session);
    }
    log::warn(
        ctx,
        "administrator_refused",
        serde_json::json!({"userId": session.user_id, "method": ctx.method.as_str(), "path": ctx.path}),
    );
    Err(Code::Forbidden.into())
}

/// The store failed. Its words are for the log, not for the caller.
pub fn unavailable(ctx: &RequestContext, error: impl std::fmt::Display) -> Problem {
    log::error(
        ctx,
        "session_store_failed",
        serde_json::json!({"error": error.to_string()}),
    );
    Problem::new(Code::SessionStoreUnavailable).with_retry_after(1)
}

/// Somebody who may do everything, for tests of handlers.
#[cfg(test)]
pub fn administrator_for_test() -> Session {
    Session {
        user_id: "operator".to_owned(),
        email: None,
        name: None,
        role: Role::Admin,
        expires_at: Instant::from_millis(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_role_admin_may_do_what_administrators_may() {
        let ctx = RequestContext::for_test("GET", "/api/admin/sagas");
        let administrator = administrator_for_test();
        assert_eq!(
            only_administrators(&ctx, administrator.clone()).unwrap(),
            administrator
        );
        let buyer = Session {
            role: Role::Buyer,
            ..administrator
        };
        assert_eq!(
            only_administrators(&ctx, buyer).unwrap_err().code(),
            Code::Forbidden
        );
    }
}
