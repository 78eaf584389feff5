//! Sub-commands that work on the databases beside a running shop or without one.

use crate::{AddressOptions, DataOption, ManifestOption, settings::Settings, worker};
use anyhow::{Result, bail};
use kessai_host::{lifecycle::Lifecycle, sagas::Sagas};
use kessai_ops::{Databases, SharedClock};
use std::path::Path;

/// Where the shop's databases are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Home {
    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,
}

impl Home {
    pub(super) fn databases(&self) -> Result<Databases> {
        Settings::read(&self.manifest.manifest)?.databases(&self.data.data)
    }

    /// Where a file would be that is not a database of the shop's.
    pub(super) fn folder(&self) -> &Path {
        &self.data.data
    }
}

/// Where the shop's databases are, and how to reach its order component.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,

    #[command(flatten)]
    addresses: AddressOptions,
}

impl Place {
    /// The order component, in this process and on these databases.
    pub(super) async fn orders(&self) -> Result<Lifecycle> {
        let data = self.data.data.as_path();
        let mut settings = Settings::read(&self.manifest.manifest)?;
        let databases = settings.databases(data)?;
        let outdated = databases.outdated().await?;
        if !outdated.is_empty() {
            let names: Vec<&str> = outdated.iter().map(|database| database.name()).collect();
            bail!(
                "{databases} has not the databases of this program ({} missing or older): are these the shop's? (`kessai migrate` \
                 brings them up to date)",
                names.join(", ")
            )
        }
        SharedClock::start(&databases).await?;
        self.addresses.derive(&mut settings)?;
        let host = worker::load_host(&self.manifest.manifest, data, &settings, None).await?;
        Ok(host.lifecycle()?)
    }

    /// What it exports for sagas.
    pub(super) async fn sagas(&self) -> Result<Sagas> {
        Ok(self.orders().await?.sagas())
    }
}
