//! `/api/admin/alerts`: what operators see of the alerts and do to them. Only who asks is somebody else's to say: the [`Gatekeeper`].

mod problem;
mod query;

use crate::store::{ActError, Action, Filter, Store, StoreError};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::Instant;
use futures::future::BoxFuture;
use problem::{Problem, Refusal};
use serde::Deserialize;
use std::{fmt, sync::Arc};

const LARGEST_BODY: usize = 16 * 1024;
const LONGEST_NOTE: usize = 500;

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody is logged in.
    Unauthenticated,
    /// Somebody who is no operator.
    Forbidden,
    /// Nobody can tell at this moment.
    Unavailable,
}

/// Knows who sends a request.
pub trait Gatekeeper: Send + Sync + 'static {
    /// The operator whose session the request carries, for the audit.
    fn operator<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<String, Denied>>;
}

#[derive(Clone)]
struct Shared {
    store: Store,
    gatekeeper: Arc<dyn Gatekeeper>,
    /// `scheme://host:port` of the shop's pages.
    shop: String,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("shop", &self.shop)
            .finish_non_exhaustive()
    }
}

/// Where the routes are.
pub const ROOT: &str = "/api/admin/alerts";

/// The routes. `public_url`: the address of the shop's pages, the only ones that may ask for changes.
pub fn router(store: Store, gatekeeper: Arc<dyn Gatekeeper>, public_url: &str) -> Router {
    let shared = Shared {
        store,
        gatekeeper,
        shop: public_url.trim_end_matches('/').to_owned(),
    };
    Router::new()
        .route(ROOT, get(list).fallback(not_allowed_get))
        .route("/api/admin/alerts/{id}", get(show).fallback(not_allowed_get))
        .route(
            "/api/admin/alerts/{id}/{action}",
            post(act).fallback(not_allowed_post),
        )
        .with_state(shared)
}

async fn not_allowed_get(headers: HeaderMap) -> Response {
    not_allowed(&headers, "GET, HEAD")
}

async fn not_allowed_post(headers: HeaderMap) -> Response {
    not_allowed(&headers, "POST")
}

fn not_allowed(headers: &HeaderMap, allow: &'static str) -> Response {
    let mut answer = Problem::new(Refusal::MethodNotAllowed).respond(headers);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

async fn list(State(shared): State<Shared>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let answer = async {
        shared.operator(&headers).await?;
        let filter: Filter = query::read(query.as_deref().unwrap_or_default())?;
        Ok(Json(shared.store.list(&filter).await?).into_response())
    };
    finish(answer.await, &headers)
}

async fn show(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let answer = async {
        shared.operator(&headers).await?;
        let alert = shared.store.show(&id).await?;
        let alert = alert.ok_or_else(|| Problem::new(Refusal::AlertNotFound))?;
        Ok(Json(alert).into_response())
    };
    finish(answer.await, &headers)
}

#[derive(Debug, Default, Deserialize)]
struct Note {
    note: Option<String>,
}

async fn act(
    State(shared): State<Shared>,
    Path((id, action)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let answer = async {
        let action = match action.as_str() {
            "acknowledge" => Action::Acknowledge,
            "resolve" => Action::Resolve,
            _ => return Err(Problem::new(Refusal::NotFound)),
        };
        // The page that sent it must be ours, before its cookie counts.
        shared.require_own_page(headers)?;
        let operator = shared.operator(headers).await?;
        let note = read_note(headers, body).await?;
        let alert = shared
            .store
            .act(&id, action, &operator, note.as_deref(), Instant::now())
            .await?;
        Ok(Json(alert).into_response())
    };
    finish(answer.await, headers)
}

/// The note of a body that may as well be missing.
async fn read_note(headers: &HeaderMap, body: Body) -> Result<Option<String>, Problem> {
    let bytes = to_bytes(body, LARGEST_BODY).await;
    let bytes = bytes.map_err(|_| Problem::new(Refusal::BodyTooLarge))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    if !media_type.is_some_and(|value| value.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(Refusal::UnsupportedMediaType));
    }
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Refusal::MalformedJson).with_detail(error.to_string()))?;
    let note: Note =
        serde_json::from_value(value).map_err(|error| Problem::field("note", error.to_string()))?;
    match note
        .note
        .map(|note| note.trim().to_owned())
        .filter(|note| !note.is_empty())
    {
        Some(note) if note.chars().count() > LONGEST_NOTE => Err(Problem::field(
            "note",
            format!("must have at most {LONGEST_NOTE} characters"),
        )),
        note => Ok(note),
    }
}

impl Shared {
    async fn operator(&self, headers: &HeaderMap) -> Result<String, Problem> {
        self.gatekeeper.operator(headers).await.map_err(|denied| {
            Problem::new(match denied {
                Denied::Unauthenticated => Refusal::Unauthenticated,
                Denied::Forbidden => Refusal::Forbidden,
                Denied::Unavailable => Refusal::SessionStoreUnavailable,
            })
        })
    }

    /// As the shop's other changes: `Origin` decides; without it only the browser's own word that the page is the shop's.
    fn require_own_page(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_own = match headers.get(header::ORIGIN) {
            Some(origin) => origin
                .to_str()
                .is_ok_and(|origin| origin.eq_ignore_ascii_case(&self.shop)),
            None => text("sec-fetch-site") == Some("same-origin"),
        };
        if is_own {
            Ok(())
        } else {
            Err(Problem::new(Refusal::OriginRejected)
                .with_detail(format!("changes are taken from {} only", self.shop)))
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        tracing::error!(component = "alerts", %error, "a request about alerts failed");
        Problem::new(Refusal::Internal)
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Problem {
        match error {
            ActError::NotFound => Problem::new(Refusal::AlertNotFound),
            ActError::Conflict(_) => Problem::new(Refusal::AlertConflict).with_detail(error.to_string()),
            ActError::Store(error) => error.into(),
        }
    }
}

fn finish(answer: Result<Response, Problem>, headers: &HeaderMap) -> Response {
    match answer {
        Ok(mut answer) => {
            problem::stamp(answer.headers_mut(), &problem::request_id(headers));
            *answer.status_mut() = StatusCode::OK;
            answer
        }
        Err(problem) => problem.respond(headers),
    }
}
