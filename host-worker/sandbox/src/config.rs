//! What a sandbox is told at start.

use std::path::PathBuf;
use std::time::Duration;

use paypay::signing::{Credentials, CredentialsError};

use crate::Clock;

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the sandbox's credentials: {0}")]
    Credentials(#[from] CredentialsError),
}

/// Settings of a sandbox. Start from [`SandboxConfig::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The one merchant's API key and secret.
    pub credentials: Credentials,
    pub merchant_id: String,
    /// Where the buyer's phone reaches `/sandbox/**`: scheme, host and port.
    pub public_url: String,
    /// Where webhooks go; `None`: nowhere.
    pub webhook_url: Option<String>,
    /// The books' SQLite file; `None`: in memory, gone with the process.
    pub state_file: Option<PathBuf>,
    /// How long a code can be paid, in whole seconds.
    pub code_ttl: Duration,
    /// How long an authorization lasts, in seconds.
    pub authorization_seconds: i64,
    /// The shop's name on the phone page.
    pub shop_name: String,
    /// Start although `public_url` is not this machine.
    pub force: bool,
    /// Makes the faults' dice repeatable.
    pub seed: Option<u64>,
    pub clock: Clock,
}

impl SandboxConfig {
    /// Settings with PayPay's usual times: a code lives five minutes, an authorization thirty days. Books in memory, no webhooks.
    pub fn new(
        api_key: impl Into<String>,
        api_secret: impl Into<String>,
        merchant_id: impl Into<String>,
        public_url: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            credentials: Credentials::new(api_key, api_secret)?,
            merchant_id: merchant_id.into(),
            public_url: public_url.into(),
            webhook_url: None,
            state_file: None,
            code_ttl: Duration::from_secs(300),
            authorization_seconds: 30 * 86_400,
            shop_name: "Kessai".to_owned(),
            force: false,
            seed: None,
            clock: Clock::system(),
        })
    }
}
