//! PayPay's request signature: the `Authorization: hmac OPA-Auth:…` header, made and checked.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far, in seconds, a request's clock may be from the checker's. Source: PayPay OPA, API authentication.
pub const MAX_CLOCK_SKEW_SECONDS: u64 = 120;

const SCHEME: &str = "hmac OPA-Auth:";
/// Stands for content type and hash of a request without a body.
const EMPTY: &str = "empty";

/// A key, and the secret that signs with it. Debug output hides the secret.
#[derive(Clone)]
pub struct Credentials {
    api_key: String,
    api_secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

/// Why a key and a secret are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The header separates its parts by colons and ends at a line end.
    #[error("the API key must be 1 or more visible ASCII characters without a colon")]
    Key,
    #[error("the API secret is empty")]
    Secret,
}

impl Credentials {
    /// Takes a key without colons and a secret that is not empty.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<String>) -> Result<Self, CredentialsError> {
        let (api_key, api_secret) = (api_key.into(), api_secret.into());
        if !is_part(&api_key) {
            return Err(CredentialsError::Key);
        }
        if api_secret.is_empty() {
            return Err(CredentialsError::Secret);
        }
        Ok(Self { api_key, api_secret })
    }

    /// The public half.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }
}

/// A request's body and the content type it is sent with, byte for byte as in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    pub content_type: &'a str,
    pub bytes: &'a [u8],
}

/// What is signed of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// In capitals.
    pub method: &'a str,
    /// As sent, escapes and all, without the query.
    pub path: &'a str,
    /// `None`, or no bytes: the request counts as empty whatever its content type.
    pub body: Option<Body<'a>>,
}

impl Signed<'_> {
    fn content(&self) -> (&str, String) {
        match self.body {
            Some(body) if !body.bytes.is_empty() => {
                let mut digest = Md5::new();
                digest.update(body.content_type.as_bytes());
                digest.update(body.bytes);
                (body.content_type, STANDARD.encode(digest.finalize()))
            }
            _ => (EMPTY, EMPTY.to_owned()),
        }
    }

    fn mac(&self, secret: &str, nonce: &str, epoch: i64, content_type: &str, hash: &str) -> Hmac<Sha256> {
        // HMAC takes a key of any length, so this never takes the second path; it would only yield a mac that never matches.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes())
            .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Default::default()));
        let epoch = epoch.to_string();
        for (index, part) in [self.path, self.method, nonce, &epoch, content_type, hash]
            .iter()
            .enumerate()
        {
            if index > 0 {
                mac.update(b"\n");
            }
            mac.update(part.as_bytes());
        }
        mac
    }
}

/// The header's value, taken apart. `Display` puts it together again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub api_key: String,
    /// Base64 of the HMAC-SHA256.
    pub mac: String,
    pub nonce: String,
    /// Seconds since 1970.
    pub epoch: i64,
    /// Base64 of the MD5 of content type and body, or `empty`.
    pub hash: String,
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            api_key,
            mac,
            nonce,
            epoch,
            hash,
        } = self;
        write!(f, "{SCHEME}{api_key}:{mac}:{nonce}:{epoch}:{hash}")
    }
}

/// Why an `Authorization` header cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    #[error("the Authorization header does not begin with `{SCHEME}`")]
    Scheme,
    #[error("the Authorization header has {0} parts instead of 5")]
    Parts(usize),
    #[error("{0} in the Authorization header is empty or holds a character that is not visible ASCII")]
    Part(&'static str),
    #[error("the epoch in the Authorization header is not a whole number of seconds")]
    Epoch,
}

fn is_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

impl FromStr for Authorization {
    type Err = AuthorizationError;

    fn from_str(header: &str) -> Result<Self, AuthorizationError> {
        let parts: Vec<&str> = header
            .strip_prefix(SCHEME)
            .ok_or(AuthorizationError::Scheme)?
            .split(':')
            .collect();
        let [api_key, mac, nonce, epoch, hash] = parts[..] else {
            return Err(AuthorizationError::Parts(parts.len()));
        };
        for (name, part) in [
            ("the key", api_key),
            ("the mac", mac),
            ("the nonce", nonce),
            ("the hash", hash),
        ] {
            if !is_part(part) {
                return Err(AuthorizationError::Part(name));
            }
        }
        // The digits are part of what was signed, so only the one spelling that signs the same is a number here.
        let seconds: i64 = epoch.parse().map_err(|_| AuthorizationError::Epoch)?;
        if seconds.to_string() != epoch {
            return Err(AuthorizationError::Epoch);
        }
        let own = str::to_owned;
        Ok(Self {
            api_key: own(api_key),
            mac: own(mac),
            nonce: own(nonce),
            epoch: seconds,
            hash: own(hash),
        })
    }
}

/// Why a request is not the key holder's, or not of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the API key is not known")]
    UnknownKey,
    #[error("the request's time is {0} s from ours; at most {MAX_CLOCK_SKEW_SECONDS} s are allowed")]
    Clock(u64),
    #[error("the body is not the one that was signed")]
    Body,
    #[error("the signature does not match")]
    Mac,
}

/// Signs a request.
///
/// `nonce`: visible ASCII without a colon, a new one for each request. `epoch`: seconds since 1970.
pub fn sign(credentials: &Credentials, request: &Signed<'_>, nonce: &str, epoch: i64) -> Authorization {
    let (content_type, hash) = request.content();
    let mac = request.mac(&credentials.api_secret, nonce, epoch, content_type, &hash);
    Authorization {
        api_key: credentials.api_key.clone(),
        mac: STANDARD.encode(mac.finalize().into_bytes()),
        nonce: nonce.to_owned(),
        epoch,
        hash,
    }
}

impl Authorization {
    /// Checks that the holder of `credentials` signed `request` within [`MAX_CLOCK_SKEW_SECONDS`] of `now` (seconds since 1970).
    ///
    /// Secrets are compared in constant time. A nonce may come twice: PayPay's own SDKs repeat a request as it is.
    pub fn check(
        &self,
        credentials: &Credentials,
        request: &Signed<'_>,
        now: i64,
    ) -> Result<(), SignatureError> {
        if !same(&self.api_key, &credentials.api_key) {
            return Err(SignatureError::UnknownKey);
        }
        let skew = self.epoch.abs_diff(now);
        if skew > MAX_CLOCK_SKEW_SECONDS {
            return Err(SignatureError::Clock(skew));
        }
        let (content_type, hash) = request.content();
        if !same(&self.hash, &hash) {
            return Err(SignatureError::Body);
        }
        let mac = request.mac(
            &credentials.api_secret,
            &self.nonce,
            self.epoch,
            content_type,
            &hash,
        );
        let claimed = STANDARD.decode(&self.mac).map_err(|_| SignatureError::Mac)?;
        mac.verify_slice(&claimed).map_err(|_| SignatureError::Mac)
    }
}

fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_743_139_337;

    fn credentials() -> Credentials {
        Credentials::new("sample_key", "sample_secret").unwrap()
    }

    #[test]
    fn the_known_answer_is_reproduced() {
        let request = Signed {
            method: "GET",
            path: "/v2/payments/TEST_merchantPaymentID",
            body: None,
        };
        assert_eq!(
            sign(&credentials(), &request, "a360e2", NOW).to_string(),
            "hmac OPA-Auth:sample_key:JbUZwAUKeQ+WDClEjkCGwYG/juFR+Dd5RK5AfL0gK9w=:a360e2:1743139337:empty"
        );
    }

    #[test]
    fn a_clock_two_minutes_off_is_accepted_and_one_second_more_is_not() {
        let request = Signed {
            method: "GET",
            path: "/",
            body: None,
        };
        let header = sign(&credentials(), &request, "n", NOW);
        for now in [NOW - 120, NOW, NOW + 120] {
            assert_eq!(header.check(&credentials(), &request, now), Ok(()));
        }
        for now in [NOW - 121, NOW + 121] {
            assert_eq!(
                header.check(&credentials(), &request, now),
                Err(SignatureError::Clock(121))
            );
        }
        assert_eq!(
            header
                .check(&credentials(), &request, i64::MIN)
                .map_err(|e| matches!(e, SignatureError::Clock(_))),
            Err(true)
        );
    }

    #[test]
    fn unreadable_headers_say_what_is_wrong() {
        let table = [
            ("Bearer x", AuthorizationError::Scheme),
            ("hmac OPA-Auth:k:m:n:1", AuthorizationError::Parts(4)),
            ("hmac OPA-Auth:k:m:n:1:h:x", AuthorizationError::Parts(6)),
            ("hmac OPA-Auth::m:n:1:h", AuthorizationError::Part("the key")),
            ("hmac OPA-Auth:k:m:n:+1:h", AuthorizationError::Epoch),
            ("hmac OPA-Auth:k:m:n:01:h", AuthorizationError::Epoch),
            (
                "hmac OPA-Auth:k:m:n:99999999999999999999:h",
                AuthorizationError::Epoch,
            ),
        ];
        for (header, error) in table {
            assert_eq!(header.parse::<Authorization>(), Err(error), "{header}");
        }
    }

    #[test]
    fn credentials_that_break_the_header_are_refused_and_secrets_are_not_printed() {
        assert_eq!(Credentials::new("a:b", "s").err(), Some(CredentialsError::Key));
        assert_eq!(Credentials::new("", "s").err(), Some(CredentialsError::Key));
        assert_eq!(Credentials::new("k", "").err(), Some(CredentialsError::Secret));
        assert!(!format!("{:?}", credentials()).contains("sample_secret"));
    }

    proptest! {
        #[test]
        fn what_is_signed_passes_and_what_is_tampered_with_fails(
            path in "/[a-z0-9/]{0,40}",
            method in "GET|POST|DELETE",
            body in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
            nonce in "[a-f0-9-]{1,36}",
            secret in "[!-~]{1,80}",
            tamper in 0..8,
        ) {
            let credentials = Credentials::new("key", secret.clone()).unwrap();
            let body_of = |bytes: &'static [u8]| Body { content_type: "application/json", bytes };
            let request = Signed {
                method: &method,
                path: &path,
                body: body.as_deref().map(|bytes| Body { content_type: "application/json", bytes }),
            };
            let text = sign(&credentials, &request, &nonce, NOW).to_string();
            let header: Authorization = text.parse().unwrap();
            prop_assert_eq!(header.to_string(), text);
            prop_assert_eq!(header.check(&credentials, &request, NOW), Ok(()));

            let (mut header, mut credentials, mut request) = (header, credentials, request);
            let longer = format!("{path}x");
            match tamper {
                0 => request.path = &longer,
                1 => request.method = "PATCH",
                2 => request.body = Some(body_of(b"another body, longer than any that was generated above, by far")),
                3 => header.nonce.push('x'),
                4 => header.epoch += 1,
                5 => header.mac = STANDARD.encode([0; 32]),
                6 => header.hash.push('x'),
                _ => credentials = Credentials::new("key", format!("{secret}x")).unwrap(),
            }
            prop_assert!(header.check(&credentials, &request, NOW).is_err());
            let other = Credentials::new("key2", secret).unwrap();
            prop_assert_eq!(header.check(&other, &request, NOW), Err(SignatureError::UnknownKey));
        }

        #[test]
        fn a_content_type_that_differs_from_the_signed_one_fails(body in prop::collection::vec(any::<u8>(), 1..60)) {
            let with = |content_type| Signed { method: "POST", path: "/v2/codes", body: Some(Body { content_type, bytes: &body }) };
            let header = sign(&credentials(), &with("application/json"), "n", NOW);
            let other = with("application/json;charset=UTF-8");
            prop_assert_eq!(header.check(&credentials(), &other, NOW), Err(SignatureError::Body));
        }

        #[test]
        fn the_header_parser_never_panics(tail in ".{0,200}", scheme in any::<bool>()) {
            let header = if scheme { format!("{SCHEME}{tail}") } else { tail };
            if let Ok(parsed) = header.parse::<Authorization>() {
                prop_assert_eq!(parsed.to_string(), header);
                let request = Signed { method: "GET", path: "/", body: None };
                let _ = parsed.check(&credentials(), &request, NOW);
            }
        }
    }
}
