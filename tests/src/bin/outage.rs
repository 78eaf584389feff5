//! `outage --server mariadb --seconds 60`: ends a server under load, starts it again, and prints what buyers were answered second by second, and what was made
//! up for afterwards. Exit code 1 if a buyer was answered what none may be, or if anything was not made up for. `cargo xtask outage` builds what it needs.

use anyhow::{Context, Result, bail};
use scenarios::outage::{Outage, Shared};
use scenarios::{Servers, Shop, ShopOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use xtask::services::{Kind, Services};

struct Arguments {
    outages: Vec<Outage>,
    report: Option<PathBuf>,
}

fn arguments() -> Result<Arguments> {
    let mut kinds = Kind::ALL.to_vec();
    let (mut seconds, mut buyers, mut report) = (60, 8, None);
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let value = given.next().with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--server" => {
                let named = kinds
                    .iter()
                    .copied()
                    .find(|kind| kind.title().eq_ignore_ascii_case(&value));
                kinds = vec![named.with_context(|| format!("there is no server `{value}`"))?];
            }
            "--seconds" => seconds = value.parse()?,
            "--buyers" => buyers = value.parse()?,
            "--report" => report = Some(value.into()),
            _ => bail!("there is no {flag}"),
        }
    }
    let outages = kinds.into_iter().map(|server| Outage {
        server,
        seconds,
        buyers,
    });
    Ok(Arguments {
        outages: outages.collect(),
        report,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments = arguments()?;
    let folder = tempfile::Builder::new().prefix("kessai-outage-").tempdir()?;
    let path = folder.path().to_owned();
    let services = tokio::task::spawn_blocking(move || Services::start_anew(&path, &Kind::ALL)).await??;
    let place = Servers::of(&services)?.place();
    let services: Shared = Arc::new(Mutex::new(services));
    let shop = Shop::start(ShopOptions {
        sandbox_apart: true,
        place: Some(Arc::new(place)),
        ..ShopOptions::default()
    })
    .await?;
    let (mut text, mut is_good) = (String::new(), true);
    for outage in arguments.outages {
        let report = outage
            .show(&shop, &services)
            .await
            .with_context(|| format!("the shop's log ends with\n{}", shop.log_tail()))?;
        println!("{report}");
        text += &format!("{report}\n");
        is_good &= report.hold().is_ok();
    }
    if let Some(report) = &arguments.report {
        std::fs::write(report, text).with_context(|| report.display().to_string())?;
    }
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
