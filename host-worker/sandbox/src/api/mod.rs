//! PayPay's API as merchants see it.

mod answer;
mod calls;
mod guard;
mod subject;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use crate::service::Service;

/// `/v2/…`, behind the signature check.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v2/codes", post(calls::create_code))
        .route("/v2/codes/{code_id}", delete(calls::delete_code))
        .route("/v2/codes/payments/{id}", get(calls::details))
        .route("/v2/payments/{id}", get(calls::details).delete(calls::cancel))
        .route("/v2/payments/capture", post(calls::capture))
        .route("/v2/payments/preauthorize/revert", post(calls::revert))
        .route("/v2/refunds", post(calls::refund))
        // The official Python SDK posts here.
        .route("/v2/refunds/", post(calls::refund))
        .route("/v2/refunds/{id}", get(calls::refund_details))
        .route("/v2/{*rest}", axum::routing::any(calls::unknown))
        .method_not_allowed_fallback(calls::unknown)
        .layer(from_fn_with_state(Arc::clone(&service), guard::guard))
        .with_state(service)
}
