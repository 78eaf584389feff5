//! The one signature that identity tokens may have, for `jsonwebtoken`. No other algorithm is compiled in, so no header can ask for one.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};
use sha2::Sha256;

/// Smaller keys than this are not safe (RFC 7518, 3.3), whatever the issuer says.
const SMALLEST_KEY_BITS: usize = 2048;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use this module. Any number of times.
pub fn install() {
    // An error says that it was installed before.
    let _ = PROVIDER.install_default();
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) = (algorithm, key.kind()) else {
        return Err(ErrorKind::InvalidAlgorithm.into());
    };
    let key = RsaPublicKey::new(BigUint::from_bytes_be(n), BigUint::from_bytes_be(e))
        .map_err(|error| ErrorKind::InvalidRsaKey(error.to_string()))?;
    if key.n().bits() < SMALLEST_KEY_BITS {
        return Err(ErrorKind::InvalidRsaKey(format!("fewer than {SMALLEST_KEY_BITS} bits")).into());
    }
    Ok(Box::new(Rs256(VerifyingKey::new(key))))
}

struct Rs256(VerifyingKey<Sha256>);

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0
            .verify(message, &Signature::try_from(signature.as_slice())?)
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
