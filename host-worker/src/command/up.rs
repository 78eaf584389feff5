//! `kessai up`

use crate::{
    DataOption, ManifestOption, addresses, banner,
    development::{self, RunningSandbox},
    edge::Edge,
    probes,
    settings::{Setting, Settings},
    shutdown::{DRAIN_LIMIT, Signals, raise_file_limit},
    signals,
    worker::{self, Worker, WorkerOptions},
};
use anyhow::Result;
use axum::Router;
use kessai_ops::{DataLock, Databases, Migrated, Role, Seeded, Telemetry};
use std::{net::SocketAddr, path::Path, process::ExitCode, time::Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Run the whole shop in this process: components, worker, PayPay sandbox, development issuer
///
/// On a machine with nothing else it needs no settings. It makes and migrates the databases, fills an empty catalogue with sample products, starts the PayPay sandbox and the development issuer
/// unless paypay_base_url and auth_issuer are set to other services, and serves everything on one address. Ctrl-C or SIGTERM lets
/// requests and sockets finish, 10 s at most; a second one ends at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the shop listens. If it is not 127.0.0.1:3000, the variables that name the shop's address follow it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Where the sandbox's PayPay API listens; the next port unless set
    #[arg(long, value_name = "ADDRESS")]
    sandbox_listen: Option<SocketAddr>,

    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,

    #[command(flatten)]
    worker: WorkerOptions,

    /// Leave an empty catalogue empty
    #[arg(long)]
    no_seed: bool,

    /// Run the sandbox even if the shop's address is public: anybody can log in and pay
    #[arg(long)]
    force_sandbox: bool,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let started = Instant::now();
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let mut settings = Settings::read(&options.manifest.manifest)?;
    let data = options.data.data.as_path();

    let listener = addresses::listen(options.listen, "--listen")?;
    let listen = listener.local_addr()?;
    let sandbox_listener = sandbox_listener(&options, listen, &mut settings)?;
    addresses::derive_shop(&mut settings, listen);
    let public_url = settings.value("public_url")?.to_owned();
    let has_issuer = is_ours(
        settings.get("auth_issuer")?,
        &format!("{}/dev", addresses::origin(listen)),
    );
    if has_issuer || sandbox_listener.is_some() {
        addresses::refuse_in_public(&public_url, options.force_sandbox)?;
    }

    let _lock = DataLock::take(data, Role::Worker)?;
    let telemetry = Telemetry::install()?;
    let sagas = signals::Signals::start()?;
    let databases = settings.databases(data)?;
    prepare(&databases, !options.no_seed).await?;

    let issuer = async {
        if has_issuer {
            development::issuer(&settings, data).await.map(Some)
        } else {
            Ok(None)
        }
    };
    let (host, issuer) = tokio::try_join!(
        worker::load_host(&options.manifest.manifest, data, &settings, Some(sagas.sink())),
        issuer
    )?;
    let sandbox_address = sandbox_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    let sandbox = match sandbox_listener {
        Some(listener) => {
            let force = options.force_sandbox;
            Some(RunningSandbox::start(&settings, data, &public_url, force, listener, Router::new()).await?)
        }
        None => None,
    };
    let mut worker = Worker::start(&host, data, &settings, &options.worker).await?;

    let draining = CancellationToken::new();
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
    let mut paths = vec![
        "/health/live",
        "/health/ready",
        "/metrics",
        "/ws/orders",
        "/api/admin/alerts/",
    ];
    if let Some(issuer) = &issuer {
        native = native.merge(issuer.router());
        paths.push("/dev/");
    }
    if let Some(sandbox) = &sandbox {
        native = native.merge(sandbox.shopper_router());
        paths.push("/sandbox/");
    }
    let closed = CancellationToken::new();
    let edge = tokio::spawn(Edge::application(native, paths, host.clone()).serve(listener, closed.clone()));
    tokio::spawn(telemetry.upkeep(draining.clone()));
    announce(&public_url, listen, sandbox_address, data);
    tracing::info!(component = "worker", ms = started.elapsed().as_secs_f64() * 1e3, address = %listen, "open");

    signals.first().await;
    signals.exit_at_next();
    tracing::info!(component = "worker", "closing: finishing what is under way");
    draining.cancel();
    let finish = async {
        // In this order: no new requests, then none under way, then nothing that they might have needed.
        closed.cancel();
        let (_, _) = tokio::join!(edge, worker.drain(DRAIN_LIMIT));
        host.drain(DRAIN_LIMIT).await;
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
    tracing::info!(component = "worker", "closed");
    Ok(ExitCode::SUCCESS)
}

/// Listens for the sandbox, unless the shop is set to use another PayPay.
fn sandbox_listener(
    options: &Options,
    listen: SocketAddr,
    settings: &mut Settings,
) -> Result<Option<TcpListener>> {
    let wanted = options
        .sandbox_listen
        .map_or_else(|| addresses::next_port(listen), Ok)?;
    if !is_ours(settings.get("paypay_base_url")?, &addresses::origin(wanted)) {
        return Ok(None);
    }
    let listener = addresses::listen(wanted, "--sandbox-listen")?;
    settings.derive("paypay_base_url", addresses::origin(listener.local_addr()?));
    Ok(Some(listener))
}

/// Whether a service is the bundled one: nobody has said otherwise, or somebody has named its very address.
fn is_ours(setting: &Setting, ours: &str) -> bool {
    !setting.source.is_by_user() || setting.value.trim_end_matches('/') == ours
}

/// Databases, and something to sell.
pub(crate) async fn prepare(databases: &Databases, seed: bool) -> Result<()> {
    let tell = |migrated: &Migrated| {
        if migrated.applied > 0 {
            let (database, applied) = (migrated.database.name(), migrated.applied);
            tracing::info!(component = "worker", database, applied, "migrated");
        }
    };
    databases.migrate(tell).await?;
    if seed && let Seeded::Filled { products } = databases.seed().await? {
        tracing::info!(
            component = "worker",
            products,
            "sample products put on the shelves"
        );
    }
    Ok(())
}

fn announce(public_url: &str, listen: SocketAddr, sandbox: Option<SocketAddr>, data: &Path) {
    let own = addresses::origin(listen);
    let mut lines = vec![("Shop", public_url.to_owned())];
    if let Some(sandbox) = sandbox {
        lines.push((
            "Phone",
            format!("{public_url}/sandbox  (click the QR code to approve or decline a payment)"),
        ));
        lines.push((
            "PayPay API",
            format!("{}  (the bundled sandbox)", addresses::origin(sandbox)),
        ));
    }
    lines.push(("Health", format!("{own}/health/ready")));
    lines.push(("Metrics", format!("{own}/metrics")));
    lines.push(("Data", data.display().to_string()));
    lines.push(("", "Ctrl-C closes the shop".to_owned()));
    banner::print("Kessai is open", &lines);
}
