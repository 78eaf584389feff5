//! Whom a token is about, and what it says.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Tokens last one hour, as Firebase's do.
const LIFETIME_SECONDS: i64 = 3600;
/// Characters in a user id, as in Firebase's.
const USER_ID_CHARS: usize = 28;
const MAX_NAME_CHARS: usize = 100;

/// Why nobody can be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("email is not an email address")]
    Email,
    #[error("name must have 1 to {MAX_NAME_CHARS} characters and no control characters")]
    Name,
}

/// A person who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    email: String,
    name: String,
    admin: bool,
}

impl Subject {
    /// `email` identifies the person, whatever its capitals. `name`: if absent, the part of the address before the `@`.
    pub fn new(email: &str, name: Option<&str>, admin: bool) -> Result<Self, EmailError> {
        let plain = Options::default().without_display_text().without_domain_literal();
        let address = EmailAddress::parse_with_options(email.trim(), plain).map_err(|_| EmailError::Email)?;
        let name = name.map(str::trim).unwrap_or(address.local_part());
        let chars = name.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(EmailError::Name);
        }
        Ok(Self {
            email: address.as_str().to_lowercase(),
            name: name.to_owned(),
            admin,
        })
    }

    /// Stable: the same for the same address, for ever.
    pub fn user_id(&self) -> String {
        let digest = Sha256::digest(self.email.as_bytes());
        let mut id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        id.truncate(USER_ID_CHARS);
        id
    }
}

impl FromStr for Subject {
    type Err = EmailError;

    fn from_str(email: &str) -> Result<Self, EmailError> {
        Self::new(email, None, false)
    }
}

/// The claims of a Firebase identity token, and the shop's custom claim `role`.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    user_id: String,
    email: &'a str,
    email_verified: bool,
    name: &'a str,
    auth_time: i64,
    iat: i64,
    exp: i64,
    role: &'static str,
}

/// `now`: epoch seconds.
pub(super) fn claims<'a>(subject: &'a Subject, issuer: &'a str, audience: &'a str, now: i64) -> Claims<'a> {
    Claims {
        iss: issuer,
        aud: audience,
        sub: subject.user_id(),
        user_id: subject.user_id(),
        email: &subject.email,
        email_verified: true,
        name: &subject.name,
        auth_time: now,
        iat: now,
        exp: now + LIFETIME_SECONDS,
        role: if subject.admin { "admin" } else { "buyer" },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_person_is_the_same_whatever_the_capitals_and_another_address_is_another_person() {
        let id = |email: &str| email.parse::<Subject>().unwrap().user_id();
        assert_eq!(id("Hana@Example.com"), id(" hana@example.com"));
        assert_ne!(id("hana@example.com"), id("hana@example.org"));
        assert_eq!(id("a@b.c").len(), 28);
    }

    #[test]
    fn what_is_no_address_or_no_name_is_refused() {
        for bad in ["", "a", "a@", "@b", "a b@c.d", "Hana <a@b.c>", "a@b@c", "a@b..c"] {
            assert_eq!(bad.parse::<Subject>(), Err(EmailError::Email), "{bad}");
        }
        for name in ["", " ", "a\nb", &"x".repeat(101)] {
            assert_eq!(
                Subject::new("a@b.c", Some(name), false),
                Err(EmailError::Name),
                "{name:?}"
            );
        }
    }
}
