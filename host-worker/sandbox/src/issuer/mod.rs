//! The development issuer: signs identity tokens for whoever asks, with the claims that Firebase Authentication uses.
//!
//! The code that verifies them is the same as for Firebase; only issuer, audience and key set differ.

mod claims;
mod key;

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, Header};
use serde::Deserialize;
use serde_json::{Value, json};

pub use claims::{EmailError, Subject};
pub use key::KeyError;

use crate::Clock;
use crate::problem::{self, Problem};
use key::SigningKey;

/// Why a token was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error(transparent)]
    Email(#[from] EmailError),
    #[error("the token could not be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Signs tokens with a key of its own. Cloning gives another handle on the same one.
#[derive(Clone, Debug)]
pub struct DevIssuer {
    key: Arc<SigningKey>,
    issuer: String,
    audience: String,
    clock: Clock,
}

impl DevIssuer {
    /// Loads the RSA key from `key_file` (PKCS #8, PEM), or makes one and saves it there, readable by its owner only.
    ///
    /// `issuer` and `audience` become the claims `iss` and `aud`. The first start takes a second or so of computing: call it where blocking is allowed.
    pub fn load_or_create(
        key_file: &Path,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, KeyError> {
        let key = Arc::new(SigningKey::load_or_create(key_file)?);
        Ok(Self {
            key,
            issuer: issuer.into(),
            audience: audience.into(),
            clock: Clock::system(),
        })
    }

    /// The same issuer by another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// A token for the subject, valid for one hour.
    pub fn issue(&self, subject: &Subject) -> Result<String, IssueError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.key.id().to_owned());
        let claims = claims::claims(subject, &self.issuer, &self.audience, self.clock.seconds());
        Ok(jsonwebtoken::encode(&header, &claims, self.key.encoding())?)
    }

    /// The key set that verifies the tokens, as a JWKS document.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.jwk()] })
    }

    /// `POST /dev/token` and `GET /dev/jwks.json`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/dev/token", post(token))
            .route("/dev/jwks.json", get(jwks))
            .route("/dev/{*rest}", axum::routing::any(problem::not_found))
            .method_not_allowed_fallback(problem::method_not_allowed)
            .layer(from_fn(problem::request_id))
            .with_state(self.clone())
    }
}

#[derive(Deserialize)]
struct TokenRequest {
    email: String,
    name: Option<String>,
    #[serde(default)]
    admin: bool,
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Email(error) => error.into(),
            IssueError::Sign(error) => {
                tracing::error!(%error, "a token was not signed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "INTERNAL",
                    "the token could not be signed",
                )
            }
        }
    }
}

impl From<EmailError> for Problem {
    fn from(error: EmailError) -> Self {
        let field = match error {
            EmailError::Email => "email",
            EmailError::Name => "name",
        };
        Self::invalid(field, error.to_string())
    }
}

async fn token(State(issuer): State<DevIssuer>, body: Bytes) -> Result<Json<Value>, Problem> {
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", error.to_string()))?;
    if value.get("email").is_none() {
        return Err(Problem::invalid("email", "email is missing"));
    }
    let request: TokenRequest = serde_json::from_value(value)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "VALIDATION_FAILED", error.to_string()))?;
    let subject = Subject::new(&request.email, request.name.as_deref(), request.admin)?;
    let id_token = issuer.issue(&subject)?;
    tracing::info!(
        user_id = subject.user_id(),
        admin = request.admin,
        "development token issued"
    );
    Ok(Json(json!({ "idToken": id_token })))
}

async fn jwks(State(issuer): State<DevIssuer>) -> ([(axum::http::HeaderName, &'static str); 1], Json<Value>) {
    (
        [(axum::http::header::CACHE_CONTROL, "public, max-age=300")],
        Json(issuer.jwks()),
    )
}
