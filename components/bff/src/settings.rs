//! The component's variables by what they are for. Read for each request that needs them: an instance keeps nothing.

use edge::{Problem, variables};

/// The shop's own address, without a slash at the end.
pub async fn public_url() -> Result<String, Problem> {
    Ok(variables::base_url("public_url").await?)
}

pub async fn order_url() -> Result<String, Problem> {
    Ok(variables::base_url("order_url").await?)
}

pub async fn catalog_url() -> Result<String, Problem> {
    Ok(variables::base_url("catalog_url").await?)
}

/// Whether the session's cookie may travel over TLS only.
pub async fn cookie_secure() -> Result<bool, Problem> {
    Ok(variables::boolean("auth_cookie_secure").await?)
}

/// Whose identity tokens are taken.
#[derive(Debug)]
pub struct Issuer {
    pub issuer: String,
    pub audience: String,
    /// Where its key set is.
    pub jwks_url: String,
}

impl Issuer {
    pub async fn read() -> Result<Self, Problem> {
        Ok(Self {
            issuer: variables::get("auth_issuer").await?,
            audience: variables::get("auth_audience").await?,
            jwks_url: variables::base_url("auth_jwks_url").await?,
        })
    }
}
