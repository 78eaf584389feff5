//! HTTP as every component of the shop speaks it: JSON in and out, RFC 9457 problem documents with stable codes, one
//! request id and one trace through all components.
//!
//! ```text
//! #[spin_sdk::http_service]
//! async fn handle(request: spin_sdk::http::Request) -> edge::Answer {
//!     edge::serve(request, route).await
//! }
//!
//! async fn route(ctx: &edge::RequestContext, body: impl edge::Body) -> Result<edge::Answer, edge::Problem> {
//!     match ctx.segments().as_slice() {
//!         ["orders"] => {
//!             ctx.allow(&[edge::Method::POST])?;
//!             let order: NewOrder = edge::json_body(ctx, body, 64 * 1024).await?;
//!             edge::respond::json(edge::StatusCode::CREATED, &create(order).await?)
//!         }
//!         _ => Err(edge::Problem::new(edge::Code::NotFound)),
//!     }
//! }
//! ```

mod body;
mod code;
mod context;
pub mod log;
pub mod outbound;
mod problem;
pub mod respond;
mod serve;
mod trace;
pub mod variables;

pub use body::{Body, bytes_body, json_body, parse_json, require_json};
pub use code::Code;
pub use context::{RequestContext, is_visible_ascii};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use problem::{FieldError, PROBLEM_JSON, Problem};
pub use serve::serve;
pub use trace::TraceContext;

/// What a handler answers: complete in memory, so that its length is known before the first byte is sent.
pub type Answer = http::Response<http_body_util::Full<bytes::Bytes>>;
