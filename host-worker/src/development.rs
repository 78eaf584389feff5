//! What stands in for the outside world on one machine: PayPay's sandbox and the identity issuer.

use crate::{addresses, edge::Edge, settings::Settings};
use anyhow::{Context, Result};
use axum::Router;
use kessai_ops::{DataLock, Role};
use kessai_sandbox::{Clock, Sandbox, SandboxConfig, issuer::DevIssuer, tls::TlsIdentity};
use std::{path::Path, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const SANDBOX_BOOKS: &str = "sandbox.db";
const ISSUER_KEY: &str = "dev-issuer.pem";

/// The sandbox with its own listener for PayPay's API.
#[derive(Debug)]
pub(crate) struct RunningSandbox {
    sandbox: Sandbox,
    stop: CancellationToken,
    listener: JoinHandle<()>,
    _lock: DataLock,
}

impl RunningSandbox {
    /// `page_origin`: where the buyer's phone finds `/sandbox/**`. `beside`: routes served on the same listener.
    pub(crate) async fn start(
        settings: &Settings,
        data: &Path,
        page_origin: &str,
        force: bool,
        listener: TcpListener,
        beside: Router,
    ) -> Result<RunningSandbox> {
        addresses::refuse_in_public(page_origin, force)?;
        let lock = DataLock::take(data, Role::Sandbox)?;
        let mut config = SandboxConfig::new(
            settings.value("paypay_api_key")?,
            settings.value("paypay_api_secret")?,
            settings.value("paypay_merchant_id")?,
            page_origin,
        )?;
        config.webhook_url = Some(webhook_url(settings)?);
        config.state_file = Some(data.join(SANDBOX_BOOKS));
        config.force = force;
        // A code must not die before the shop's own deadline.
        let deadline = settings.value("payment_ttl_seconds")?;
        let deadline = deadline
            .parse()
            .with_context(|| format!("payment_ttl_seconds: `{deadline}` is not a number"))?;
        config.code_ttl = config.code_ttl.max(Duration::from_secs(deadline));

        let sandbox = Sandbox::new(config).await?;
        let stop = CancellationToken::new();
        let edge = Edge::native(sandbox.api_router().merge(beside));
        let listener = tokio::spawn(edge.serve(listener, stop.clone()));
        Ok(RunningSandbox {
            sandbox,
            stop,
            listener,
            _lock: lock,
        })
    }

    /// `/sandbox/**` for the shop's listener.
    pub(crate) fn shopper_router(&self) -> Router {
        self.sandbox.shopper_router()
    }

    /// Serves PayPay's API on one more listener, over TLS, until [`Self::stop`].
    pub(crate) fn serve_tls(&self, identity: TlsIdentity, listener: TcpListener) {
        let (router, stop) = (self.sandbox.api_router(), self.stop.clone());
        tokio::spawn(async move {
            if let Err(error) = identity.serve(listener, router, stop.cancelled_owned()).await {
                tracing::error!(component = "sandbox", %error, "the TLS listener has ended");
            }
        });
    }

    /// Answers what is under way, and keeps what is not delivered for the next start.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.sandbox.shutdown().await;
        if let Err(error) = self.listener.await {
            tracing::error!(component = "sandbox", %error, "the sandbox's listener had ended in a panic");
        }
    }
}

/// Where PayPay sends webhooks.
fn webhook_url(settings: &Settings) -> Result<String> {
    let shop = settings.value("public_url")?.trim_end_matches('/');
    Ok(match settings.value("paypay_webhook_secret")? {
        "" => format!("{shop}/paypay/webhook"),
        secret => format!("{shop}/paypay/webhook/{secret}"),
    })
}

/// The issuer with the claims that the shop expects. Its key is made at the first start, which takes a moment.
pub(crate) async fn issuer(settings: &Settings, data: &Path) -> Result<DevIssuer> {
    let key = data.join(ISSUER_KEY);
    let (issuer, audience) = (
        settings.value("auth_issuer")?.to_owned(),
        settings.value("auth_audience")?.to_owned(),
    );
    let load = move || DevIssuer::load_or_create(&key, issuer, audience);
    let issuer = tokio::task::spawn_blocking(load)
        .await?
        .context("the development issuer has no key")?;
    // Its tokens are for this shop only, which would refuse those of a machine that is a minute ahead.
    Ok(issuer.with_clock(Clock::new(|| domain::Instant::now().millis())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn webhooks_go_to_the_shop_with_the_secret_if_there_is_one() {
        let manifest = r#"
            [variables]
            public_url = { default = "http://127.0.0.1:3000" }
            paypay_webhook_secret = { default = "" }
        "#;
        assert_eq!(
            webhook_url(&settings(manifest, &[])).unwrap(),
            "http://127.0.0.1:3000/paypay/webhook"
        );
        let with_secret = settings(manifest, &[("SPIN_VARIABLE_PAYPAY_WEBHOOK_SECRET", "s3")]);
        assert_eq!(
            webhook_url(&with_secret).unwrap(),
            "http://127.0.0.1:3000/paypay/webhook/s3"
        );
    }
}
