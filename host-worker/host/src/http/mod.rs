//! HTTP into components and out of them.

pub(crate) mod allowed_hosts;
mod body;
pub(crate) mod headers;
pub(crate) mod inbound;
pub(crate) mod outbound;
mod patience;
mod problem;
pub(crate) mod request;

pub use body::Body;
pub(crate) use body::whole;
pub(crate) use problem::Failure;
