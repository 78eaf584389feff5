//! `kessai sandbox`

use crate::{
    DataOption, ManifestOption, addresses, banner,
    development::{self, RunningSandbox},
    settings::Settings,
    shutdown::{DRAIN_LIMIT, Signals},
};
use anyhow::{Context, Result};
use kessai_sandbox::tls::TlsIdentity;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// Run only the PayPay sandbox and the development issuer
///
/// One address serves all: the API at the root, the phone page under /sandbox, the issuer under /dev.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where everything listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3001")]
    listen: SocketAddr,

    /// Where the API listens for clients that speak TLS only
    #[arg(long, value_name = "ADDRESS")]
    tls_listen: Option<SocketAddr>,

    /// Where the certificate goes that those clients have to trust, another with every start [default: sandbox-ca.pem in the data folder]
    #[arg(long, value_name = "FILE", requires = "tls_listen")]
    tls_ca: Option<PathBuf>,

    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,

    /// Run even on a public address: anybody can log in and pay
    #[arg(long)]
    force_sandbox: bool,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut settings = Settings::read(&options.manifest.manifest)?;
    let listener = addresses::listen(options.listen, "--listen")?;
    let own = addresses::origin(listener.local_addr()?);
    addresses::refuse_in_public(&own, options.force_sandbox)?;
    settings.derive("paypay_base_url", own.clone());
    addresses::derive_issuer(&mut settings, &own);

    let data = options.data.data.as_path();
    std::fs::create_dir_all(data)?;
    let issuer = development::issuer(&settings, data).await?;
    let sandbox = RunningSandbox::start(
        &settings,
        data,
        &own,
        options.force_sandbox,
        listener,
        issuer.router(),
    )
    .await?;
    let mut lines = vec![
        ("PayPay API", own.clone()),
        ("Phone", format!("{own}/sandbox")),
        (
            "Tokens",
            format!("POST {own}/dev/token, keys at {own}/dev/jwks.json"),
        ),
        (
            "Webhooks",
            format!("to {}/paypay/webhook", settings.value("public_url")?),
        ),
    ];
    for (name, value) in settings.overrides() {
        lines.push((
            "Set for the shop",
            format!("SPIN_VARIABLE_{}={value}", name.to_uppercase()),
        ));
    }
    if let Some(address) = options.tls_listen {
        let listener = addresses::listen(address, "--tls-listen")?;
        let address = listener.local_addr()?;
        addresses::refuse_in_public(&addresses::origin(address), options.force_sandbox)?;
        let identity = TlsIdentity::generate()?;
        let file = options.tls_ca.unwrap_or_else(|| data.join("sandbox-ca.pem"));
        std::fs::write(&file, identity.authority_pem())
            .with_context(|| format!("--tls-ca {}", file.display()))?;
        sandbox.serve_tls(identity, listener);
        lines.push((
            "PayPay API, TLS",
            format!("https://{address}, trusting {}", file.display()),
        ));
    }
    banner::print("Kessai's sandbox is open", &lines);

    signals.first().await;
    signals.exit_at_next();
    if tokio::time::timeout(DRAIN_LIMIT, sandbox.stop()).await.is_err() {
        tracing::warn!(component = "sandbox", "not everything was finished in time");
    }
    Ok(ExitCode::SUCCESS)
}
