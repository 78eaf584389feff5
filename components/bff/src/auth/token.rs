//! Identity tokens: what one must be to prove who somebody is. Firebase's and the development issuer's alike.

use domain::Instant;
use edge::is_visible_ascii;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::rs256;
use crate::session::{Role, Session};

/// How far the issuer's clock may be ahead of ours. Seconds.
const CLOCK_SKEW: i64 = 60;

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a signed JWT")]
    Malformed,
    #[error("the token is not signed with RS256")]
    Algorithm,
    #[error("the token does not name its key")]
    NoKeyId,
    #[error("the issuer has no such key")]
    UnknownKey,
    #[error("the issuer's key cannot be used")]
    UnusableKey,
    #[error("the signature is wrong")]
    Signature,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is from the future")]
    NotYetValid,
    #[error("the claim `{0}` is missing or not valid")]
    Claim(&'static str),
}

/// What a token must say.
#[derive(Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    pub now: Instant,
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<i64>,
    iat: Option<i64>,
    auth_time: Option<i64>,
    nbf: Option<i64>,
    email: Option<String>,
    name: Option<String>,
    role: Option<String>,
}

/// Which of the issuer's keys the token says it is signed with. Proves nothing yet.
pub fn key_id(token: &str) -> Result<String, TokenError> {
    let header = decode_header(token).map_err(|error| match error.kind() {
        // `none`, and whatever else the library does not know as an algorithm.
        ErrorKind::InvalidAlgorithmName | ErrorKind::Json(_) => TokenError::Algorithm,
        _ => TokenError::Malformed,
    })?;
    if header.alg != Algorithm::RS256 {
        return Err(TokenError::Algorithm);
    }
    header
        .kid
        .filter(|kid| !kid.is_empty())
        .ok_or(TokenError::NoKeyId)
}

/// Checks everything, and returns the session that the token is good for: until the token's own end.
pub fn verify(token: &str, key: &Jwk, expected: &Expected<'_>) -> Result<Session, TokenError> {
    rs256::install();
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenError::UnusableKey)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.audience]);
    // The times are checked below, against a clock that a test can set.
    validation.validate_exp = false;
    let claims = decode::<Claims>(token, &key, &validation)
        .map_err(|error| refusal(error.kind()))?
        .claims;
    check(claims, expected.now)
}

fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => TokenError::Issuer,
        ErrorKind::MissingRequiredClaim(_) => TokenError::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenError::Algorithm,
        ErrorKind::InvalidRsaKey(_) | ErrorKind::InvalidKeyFormat => TokenError::UnusableKey,
        ErrorKind::Json(_) => TokenError::Claim("types"),
        _ => TokenError::Malformed,
    }
}

fn check(claims: Claims, now: Instant) -> Result<Session, TokenError> {
    let now_seconds = now.millis().div_euclid(1000);
    let latest = now_seconds + CLOCK_SKEW;
    let exp = claims.exp.ok_or(TokenError::Claim("exp"))?;
    let iat = claims.iat.ok_or(TokenError::Claim("iat"))?;
    let auth_time = claims.auth_time.ok_or(TokenError::Claim("auth_time"))?;
    // The skew is not added here: a session lasts until `exp`, and one that has ended already is of no use.
    if exp <= now_seconds {
        return Err(TokenError::Expired);
    }
    if iat > latest || auth_time > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(TokenError::NotYetValid);
    }
    let user_id = claims
        .sub
        .filter(|sub| is_visible_ascii(sub, 128))
        .ok_or(TokenError::Claim("sub"))?;
    Ok(Session {
        user_id,
        email: claims.email,
        name: claims.name,
        role: Role::from_name(claims.role.as_deref().unwrap_or_default()),
        expires_at: Instant::from_millis(exp.checked_mul(1000).ok_or(TokenError::Claim("exp"))?),
    })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
