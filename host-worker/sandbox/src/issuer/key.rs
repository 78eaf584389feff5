//! The issuer's RSA key and its file.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, rand_core::OsRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const BITS: usize = 2048;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the key file {}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the key file {} holds no RSA key in PKCS #8 PEM: {reason}; delete it to get a new one", .path.display())]
    Content { path: PathBuf, reason: String },
    #[error("no RSA key could be made: {0}")]
    Generate(String),
}

/// A private key with the public half as tokens and key sets need it.
pub(super) struct SigningKey {
    id: String,
    encoding: EncodingKey,
    modulus: String,
    exponent: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    pub(super) fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let pem = match std::fs::read_to_string(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = RsaPrivateKey::new(&mut OsRng, BITS)
                    .map_err(|error| KeyError::Generate(error.to_string()))?;
                let pem = key
                    .to_pkcs8_pem(LineEnding::LF)
                    .map_err(|error| KeyError::Generate(error.to_string()))?;
                save(path, pem.as_bytes()).map_err(file)?;
                pem.to_string()
            }
            Err(error) => return Err(file(error)),
        };
        Self::from_pem(&pem).map_err(|reason| KeyError::Content {
            path: path.to_owned(),
            reason,
        })
    }

    fn from_pem(pem: &str) -> Result<Self, String> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|error| error.to_string())?;
        let modulus = URL_SAFE_NO_PAD.encode(key.n().to_bytes_be());
        let exponent = URL_SAFE_NO_PAD.encode(key.e().to_bytes_be());
        let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        // Named by its content, so that a new key never hides behind an old key's name in somebody's cache.
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(modulus.as_bytes())[..12]);
        Ok(Self {
            id,
            encoding,
            modulus,
            exponent,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) fn jwk(&self) -> Value {
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id, "n": self.modulus, "e": self.exponent })
    }
}

/// Writes the whole key or nothing, for its owner's eyes only.
fn save(path: &Path, pem: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = options.open(&draft)?;
    file.write_all(pem)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}
