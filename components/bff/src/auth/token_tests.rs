#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example/kessai";
const AUDIENCE: &str = "kessai";

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).unwrap());
static OTHER_KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).unwrap());

fn jwk(key: &RsaPrivateKey) -> Jwk {
    let public = RsaPublicKey::from(key);
    let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    serde_json::from_value(json!({
        "kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "n": number(public.n()), "e": number(public.e()),
    }))
    .unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "email": "hana@example.com", "name": "花", "auth_time": NOW - 10, "iat": NOW - 10,
        "exp": NOW + 3600,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(header: &Value, claims: &Value, key: &RsaPrivateKey) -> String {
    let message = unsigned(header, claims);
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
}

/// What the login does with a token, against an issuer whose only key is [`KEY`].
fn judge(token: &str) -> Result<Session, TokenError> {
    if key_id(token)? != "k1" {
        return Err(TokenError::UnknownKey);
    }
    let expected = Expected {
        issuer: ISSUER,
        audience: AUDIENCE,
        now: Instant::from_millis(NOW * 1000 + 500),
    };
    verify(token, &jwk(&KEY), &expected)
}

fn judge_claims(claims: &Value) -> Result<Session, TokenError> {
    judge(&signed(&header(), claims, &KEY))
}

#[test]
fn a_good_token_opens_a_session_until_its_own_end() {
    let session = judge_claims(&claims()).unwrap();
    assert_eq!(
        session,
        Session {
            user_id: "u1".to_owned(),
            email: Some("hana@example.com".to_owned()),
            name: Some("花".to_owned()),
            role: Role::Buyer,
            expires_at: Instant::from_millis((NOW + 3600) * 1000),
        }
    );
}

#[test]
fn only_the_role_admin_makes_an_administrator() {
    for (role, expected) in [
        ("admin", Role::Admin),
        ("Admin", Role::Buyer),
        ("buyer", Role::Buyer),
        ("", Role::Buyer),
    ] {
        assert_eq!(
            judge_claims(&with("role", json!(role))).unwrap().role,
            expected,
            "{role}"
        );
    }
}

#[test]
fn email_and_name_may_be_absent_and_the_audience_one_of_several() {
    assert_eq!(judge_claims(&without("email")).unwrap().email, None);
    assert_eq!(judge_claims(&without("name")).unwrap().name, None);
    assert!(judge_claims(&with("aud", json!(["other", AUDIENCE]))).is_ok());
}

#[test]
fn clocks_may_differ_by_a_minute() {
    for claim in ["iat", "auth_time", "nbf"] {
        assert!(judge_claims(&with(claim, json!(NOW + 60))).is_ok(), "{claim}");
        assert_eq!(
            judge_claims(&with(claim, json!(NOW + 61))),
            Err(TokenError::NotYetValid),
            "{claim}"
        );
    }
}

#[test]
fn wrong_claims_are_refused() {
    let long = "x".repeat(129);
    for (claims, reason) in [
        (with("exp", json!(NOW)), TokenError::Expired),
        (with("exp", json!(NOW - 3600)), TokenError::Expired),
        (with("exp", json!(i64::MAX)), TokenError::Claim("exp")),
        (with("exp", json!("tomorrow")), TokenError::Claim("types")),
        (without("exp"), TokenError::Claim("exp")),
        (without("iat"), TokenError::Claim("iat")),
        (without("auth_time"), TokenError::Claim("auth_time")),
        (without("sub"), TokenError::Claim("sub")),
        (with("sub", json!("")), TokenError::Claim("sub")),
        (with("sub", json!(long)), TokenError::Claim("sub")),
        (with("sub", json!("two words")), TokenError::Claim("sub")),
        (
            with("iss", json!("https://issuer.example/other")),
            TokenError::Issuer,
        ),
        (without("iss"), TokenError::Issuer),
        (with("aud", json!("other")), TokenError::Audience),
        (with("aud", json!([])), TokenError::Audience),
        (without("aud"), TokenError::Audience),
    ] {
        assert_eq!(judge_claims(&claims), Err(reason), "{claims}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let none = json!({"alg": "none", "kid": "k1"});
    assert_eq!(
        judge(&format!("{}.", unsigned(&none, &claims()))),
        Err(TokenError::Algorithm)
    );
    assert_eq!(judge(&signed(&none, &claims(), &KEY)), Err(TokenError::Algorithm));
    assert_eq!(
        judge(&format!("{}.", unsigned(&header(), &claims()))),
        Err(TokenError::Signature)
    );
    for text in ["", "a", "a.b", "a.b.c", "..", "a.b.c.d"] {
        assert!(judge(text).is_err(), "{text}");
    }
}

/// The classic confusion: the public key is public, so whoever takes it for a secret takes anybody's word.
#[test]
fn hs256_with_the_public_key_as_its_secret_is_refused() {
    let public = RsaPublicKey::from(&*KEY);
    let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
    for secret in [pem.as_bytes().to_vec(), public.n().to_bytes_be()] {
        let message = unsigned(&json!({"alg": "HS256", "kid": "k1"}), &claims());
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(message.as_bytes());
        let token = format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        );
        assert_eq!(judge(&token), Err(TokenError::Algorithm));
        // And past the first check, too: the algorithm is not there to be chosen.
        let expected = Expected {
            issuer: ISSUER,
            audience: AUDIENCE,
            now: Instant::from_millis(NOW * 1000),
        };
        assert_eq!(verify(&token, &jwk(&KEY), &expected), Err(TokenError::Algorithm));
    }
}

#[test]
fn other_algorithms_are_refused() {
    for algorithm in [
        "RS384", "RS512", "PS256", "ES256", "EdDSA", "HS512", "rs256", "NONE",
    ] {
        let token = signed(&json!({"alg": algorithm, "kid": "k1"}), &claims(), &KEY);
        assert_eq!(judge(&token), Err(TokenError::Algorithm), "{algorithm}");
    }
}

#[test]
fn another_key_and_a_changed_body_are_refused() {
    assert_eq!(
        judge(&signed(&header(), &claims(), &OTHER_KEY)),
        Err(TokenError::Signature)
    );
    assert_eq!(
        judge(&signed(&json!({"alg": "RS256", "kid": "k2"}), &claims(), &KEY)),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(
        judge(&signed(&json!({"alg": "RS256"}), &claims(), &KEY)),
        Err(TokenError::NoKeyId)
    );
    let good = signed(&header(), &claims(), &KEY);
    let signature = good.rsplit('.').next().unwrap();
    let forged = format!(
        "{}.{signature}",
        unsigned(&header(), &with("role", json!("admin")))
    );
    assert_eq!(judge(&forged), Err(TokenError::Signature));
}

#[test]
fn a_key_of_1024_bits_is_refused() {
    let small = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
    let expected = Expected {
        issuer: ISSUER,
        audience: AUDIENCE,
        now: Instant::from_millis(NOW * 1000),
    };
    let token = signed(&header(), &claims(), &small);
    assert_eq!(
        verify(&token, &jwk(&small), &expected),
        Err(TokenError::UnusableKey)
    );
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_check(token in "\\PC*") {
        proptest::prop_assert!(judge(&token).is_err());
    }
}
