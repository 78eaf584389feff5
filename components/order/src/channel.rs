//! Tokens for the WebSocket channel of one order.
//!
//! A token is random to everybody but us: a keyed hash of the order and a nonce. So an idempotent repeat of an order can be answered with the
//! same token although only its hash is stored.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::OrderNo;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a token opens its channel: longer than the longest payment deadline.
pub const LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

/// The token of `order_no` for `nonce`: 43 characters of base64url, 256 bits.
pub fn token(secret: &str, order_no: &OrderNo, nonce: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in ["kessai channel", order_no.as_str(), nonce] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// What is stored of a token.
pub fn token_hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_belongs_to_one_order_one_nonce_and_one_secret() {
        let order = |text: &str| text.parse::<OrderNo>().unwrap();
        let (one, two) = (order("K20261122-7F3K9Q2MXA"), order("K20261122-7F3K9Q2MXB"));
        let base = token("secret", &one, "n");
        assert_eq!(base, token("secret", &one, "n"));
        assert_eq!(base.len(), 43);
        for other in [
            token("secret", &two, "n"),
            token("secret", &one, "m"),
            token("other", &one, "n"),
        ] {
            assert_ne!(base, other);
        }
        assert_ne!(token_hash(&base), base);
    }
}
