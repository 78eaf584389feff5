//! `kessai config`

use crate::{ManifestOption, addresses, settings::Settings};
use anyhow::Result;
use std::{net::SocketAddr, process::ExitCode};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    manifest: ManifestOption,

    /// Show what `kessai up` would use with this address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// As in `kessai up`; the next port unless set
    #[arg(long, value_name = "ADDRESS")]
    sandbox_listen: Option<SocketAddr>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut settings = Settings::read(&options.manifest.manifest)?;
    let sandbox = options
        .sandbox_listen
        .map_or_else(|| addresses::next_port(options.listen), Ok)?;
    addresses::derive_shop(&mut settings, options.listen);
    settings.derive("paypay_base_url", addresses::origin(sandbox));
    print!("{}", table(&settings));
    Ok(ExitCode::SUCCESS)
}

fn table(settings: &Settings) -> String {
    let name_width = settings
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    let line = |setting: &crate::settings::Setting| {
        let value = match (setting.secret, setting.value.as_str()) {
            (_, "") => "(empty)",
            (true, _) => "(hidden)",
            (false, value) => value,
        };
        format!(
            "{:name_width$}  {:11}  {value}\n",
            setting.name,
            setting.source.as_str()
        )
    };
    settings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn secrets_are_hidden_and_their_absence_is_not() {
        let manifest = r#"
            [variables]
            key = { default = "open" }
            password = { default = "pssst", secret = true }
            unset = { default = "", secret = true }
        "#;
        let table = table(&settings(manifest, &[]));
        assert!(table.contains("open") && !table.contains("pssst"), "{table}");
        assert!(table.contains("unset     default      (empty)"), "{table}");
    }
}
