use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge::{Code, Problem};
use sha2::{Digest as _, Sha256};

/// 256 random bits that whoever shows them is logged in by. Never logged and never stored: see [`SessionId::hash`].
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new one.
    ///
    /// # Errors
    /// `INTERNAL` if the system gives no randomness: a guessable session must not come into being.
    pub fn generate() -> Result<Self, Problem> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)
            .map_err(|error| Problem::new(Code::Internal).with_detail(format!("no randomness: {error}")))?;
        Ok(Self(bits))
    }

    /// As it stands in the cookie: 43 characters of base64url.
    pub fn to_cookie_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads a cookie's value. `None` if it cannot be one of ours.
    pub fn from_cookie_value(value: &str) -> Option<Self> {
        let bits = URL_SAFE_NO_PAD.decode(value).ok()?;
        Some(Self(bits.try_into().ok()?))
    }

    /// What the store knows it by: SHA-256, 64 hexadecimal digits. No salt is needed for 256 random bits.
    pub fn hash(&self) -> String {
        Sha256::digest(self.0)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_survives_the_cookie_and_no_two_are_alike() {
        let id = SessionId::generate().unwrap();
        assert_eq!(id.to_cookie_value().len(), 43);
        assert_eq!(
            SessionId::from_cookie_value(&id.to_cookie_value()),
            Some(id.clone())
        );
        assert_ne!(SessionId::generate().unwrap(), id);
    }

    #[test]
    fn the_store_cannot_tell_the_cookie() {
        let id = SessionId([7; 32]);
        assert_eq!(id.hash().len(), 64);
        assert!(!format!("{id:?} {}", id.hash()).contains(&id.to_cookie_value()));
    }

    #[test]
    fn other_values_are_no_ids() {
        let long = "A".repeat(44);
        for value in [
            "",
            "short",
            "!".repeat(43).as_str(),
            long.as_str(),
            "AAAA'; DROP TABLE sessions --",
        ] {
            assert_eq!(SessionId::from_cookie_value(value), None, "{value}");
        }
    }
}
