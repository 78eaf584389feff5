//! Each server is away for some seconds under load. `cargo xtask outage` shows longer ones.

use anyhow::Result;
use scenarios::outage::{Outage, Shared};
use scenarios::{Servers, Shop, ShopOptions};
use std::sync::{Arc, Mutex};
use xtask::services::{Kind, Services};

/// One shop, one server after the other: what an outage leaves behind would show in the next.
#[tokio::test]
async fn without_a_server_buyers_are_told_so_and_afterwards_everything_is_made_up_for() -> Result<()> {
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
    for server in [Kind::Redis, Kind::Kafka, Kind::Mariadb] {
        let outage = Outage {
            server,
            seconds: 8,
            buyers: 4,
        };
        let report = outage.show(&shop, &services).await?;
        println!("{report}");
        report.hold()?;
        let statuses = report.statuses();
        // Without Kafka nobody is turned away.
        let turned_away = statuses.contains_key(&503);
        assert_eq!(turned_away, server != Kind::Kafka, "{report}");
    }
    Ok(())
}
