//! The component's variables, read for each request: they are the host's to change.

use edge::Problem;
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
