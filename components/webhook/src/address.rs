//! The webhook's address, which may have a last segment that only PayPay knows.

use subtle::ConstantTimeEq as _;

/// Whether these segments are the webhook's address. With a secret the bare address is none.
///
/// Compared in constant time: else the time of an answer would give the secret away, character by character.
pub fn is_ours(segments: &[&str], secret: &str) -> bool {
    match (segments, secret) {
        (["paypay", "webhook"], "") => true,
        (["paypay", "webhook", _], "") => false,
        (["paypay", "webhook", given], secret) => bool::from(given.as_bytes().ct_eq(secret.as_bytes())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_secret_the_bare_address_is_the_webhook() {
        assert!(is_ours(&["paypay", "webhook"], ""));
        for segments in [
            &["paypay", "webhook", ""][..],
            &["paypay", "webhook", "x"],
            &["paypay"],
            &["webhook"],
        ] {
            assert!(!is_ours(segments, ""), "{segments:?}");
        }
    }

    #[test]
    fn with_a_secret_only_the_whole_secret_leads_to_the_webhook() {
        assert!(is_ours(&["paypay", "webhook", "s3cret"], "s3cret"));
        for segments in [
            &["paypay", "webhook"][..],
            &["paypay", "webhook", ""],
            &["paypay", "webhook", "s3cre"],
            &["paypay", "webhook", "s3crets"],
            &["paypay", "webhook", "S3CRET"],
            &["paypay", "webhook", "s3cret", ""],
        ] {
            assert!(!is_ours(segments, "s3cret"), "{segments:?}");
        }
    }
}
