//! `kessai worker`

use crate::{
    DataOption, ManifestOption, addresses, banner,
    command::up::prepare,
    development::{self, RunningSandbox},
    edge::Edge,
    probes,
    settings::Settings,
    shutdown::{DRAIN_LIMIT, Signals, raise_file_limit},
    signals,
    worker::{self, Worker, WorkerOptions},
};
use anyhow::Result;
use kessai_ops::{DataLock, Role, Telemetry};
use std::{net::SocketAddr, process::ExitCode};
use tokio_util::sync::CancellationToken;

/// Run the worker beside components that another host serves, for example `spin up`
///
/// That is WebSocket, polling, expiry, recovery, events and health. Both hosts must use the same databases and the same variables; what has to be set for the other host is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the WebSocket, health and metrics listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3002")]
    listen: SocketAddr,

    /// Also run the PayPay sandbox and the development issuer
    #[arg(long)]
    dev: bool,

    /// With --dev: where the sandbox's PayPay API and its phone page listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3001")]
    sandbox_listen: SocketAddr,

    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,

    #[command(flatten)]
    worker: WorkerOptions,

    /// Run the sandbox even if it listens on a public address: anybody can log in and pay
    #[arg(long)]
    force_sandbox: bool,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let mut settings = Settings::read(&options.manifest.manifest)?;
    let data = options.data.data.as_path();

    let listener = addresses::listen(options.listen, "--listen")?;
    let own = addresses::origin(listener.local_addr()?);
    settings.derive(
        "realtime_url",
        format!("{}/ws/orders", own.replacen("http", "ws", 1)),
    );
    let sandbox_listener = if options.dev {
        addresses::refuse_in_public(&own, options.force_sandbox)?;
        let listener = addresses::listen(options.sandbox_listen, "--sandbox-listen")?;
        settings.derive("paypay_base_url", addresses::origin(listener.local_addr()?));
        addresses::derive_issuer(&mut settings, &own);
        Some(listener)
    } else {
        None
    };

    let _lock = DataLock::take(data, Role::Worker)?;
    let telemetry = Telemetry::install()?;
    let sagas = signals::Signals::start()?;
    let databases = settings.databases(data)?;
    prepare(&databases, options.dev).await?;
    let host = worker::load_host(&options.manifest.manifest, data, &settings, Some(sagas.sink())).await?;
    let mut worker = Worker::start(&host, data, &settings, &options.worker).await?;
    let draining = CancellationToken::new();
    let sandbox_address = sandbox_listener
        .as_ref()
        .map(tokio::net::TcpListener::local_addr)
        .transpose()?;
    let health = probes::health(
        &databases,
        &host,
        sandbox_address,
        worker.kafka(),
        worker.redis(),
        worker.alerts(),
        draining.clone(),
    );
    let mut native = health.router().merge(telemetry.router()).merge(worker.router());
    let sandbox = match sandbox_listener {
        Some(listener) => {
            native = native.merge(development::issuer(&settings, data).await?.router());
            let page = addresses::origin(listener.local_addr()?);
            let force = options.force_sandbox;
            Some(RunningSandbox::start(&settings, data, &page, force, listener, axum::Router::new()).await?)
        }
        None => None,
    };
    let closed = CancellationToken::new();
    let edge = tokio::spawn(Edge::native(native).serve(listener, closed.clone()));
    tokio::spawn(telemetry.upkeep(draining.clone()));
    announce(&own, &settings);

    signals.first().await;
    signals.exit_at_next();
    tracing::info!(component = "worker", "closing: finishing what is under way");
    draining.cancel();
    let finish = async {
        closed.cancel();
        let (_, _) = tokio::join!(edge, worker.drain(DRAIN_LIMIT));
        worker.finish().await;
        sagas.finish().await;
        if let Some(sandbox) = sandbox {
            sandbox.stop().await;
        }
    };
    if tokio::time::timeout(DRAIN_LIMIT, finish).await.is_err() {
        tracing::warn!(
            component = "worker",
            "not everything was finished in time; what is left goes on at the next start"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn announce(own: &str, settings: &Settings) {
    let mut lines = vec![
        ("Health", format!("{own}/health/ready")),
        ("Metrics", format!("{own}/metrics")),
    ];
    for (name, value) in settings.overrides() {
        lines.push((
            "Set for the host",
            format!("SPIN_VARIABLE_{}={value}", name.to_uppercase()),
        ));
    }
    banner::print("Kessai's worker is at work", &lines);
}
