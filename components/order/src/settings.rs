//! The component's variables, read for each request: they are the host's to change.

use edge::Problem;
use saga::RecoveryPolicy;
use std::sync::OnceLock;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Settings {
    pub public_url: String,
    pub realtime_url: String,
    pub catalog_url: String,
    pub channel_secret: String,
    /// How long a buyer has to pay.
    pub payment_ttl: Duration,
}

impl Settings {
    pub async fn read() -> Result<Settings, Problem> {
        let seconds: u64 = edge::variables::integer("payment_ttl_seconds").await?;
        Ok(Settings {
            public_url: edge::variables::base_url("public_url").await?,
            realtime_url: edge::variables::get("realtime_url").await?,
            catalog_url: edge::variables::base_url("catalog_url").await?,
            channel_secret: edge::variables::get("channel_secret").await?,
            payment_ttl: Duration::from_secs(seconds.clamp(1, 3600)),
        })
    }
}

/// Where services that sagas call by HTTP are found.
pub async fn saga_service_url() -> Result<String, edge::variables::Error> {
    edge::variables::base_url("saga_service_url").await
}

/// How a saga that stopped is taken up again by itself: `saga_recovery_attempts` times, after `saga_recovery_first_seconds`, then twice as long each time up
/// to `saga_recovery_longest_seconds`.
///
/// Every saga is driven with it and hardly any needs it, so it is read once in an instance's life.
pub async fn recovery_policy() -> Result<RecoveryPolicy, edge::variables::Error> {
    static POLICY: OnceLock<RecoveryPolicy> = OnceLock::new();
    if let Some(policy) = POLICY.get() {
        return Ok(*policy);
    }
    let millis = |seconds: u32| u64::from(seconds).saturating_mul(1000);
    let policy = RecoveryPolicy {
        attempts: edge::variables::integer("saga_recovery_attempts").await?,
        first: millis(edge::variables::integer("saga_recovery_first_seconds").await?),
        longest: millis(edge::variables::integer("saga_recovery_longest_seconds").await?),
        ..RecoveryPolicy::default()
    };
    Ok(*POLICY.get_or_init(|| policy))
}
