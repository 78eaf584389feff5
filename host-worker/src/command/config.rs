//! `kessai config`

use crate::{
    AddressOptions, ManifestOption,
    settings::{Settings, Source},
    worker::WorkerOptions,
};
use anyhow::Result;
use std::process::ExitCode;

/// Show the settings in force and where each comes from, with secrets hidden
///
/// First the variables of spin.toml, then the worker's own settings, which are flags, too. With --listen: what `kessai up` would use with that address.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    manifest: ManifestOption,

    #[command(flatten)]
    addresses: AddressOptions,

    #[command(flatten)]
    worker: WorkerOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut settings = Settings::read(&options.manifest.manifest)?;
    options.addresses.derive(&mut settings)?;
    print!("{}\n{}", table(&settings), worker_lines(&options.worker));
    Ok(ExitCode::SUCCESS)
}

/// The worker's own settings, which are no variables of the manifest.
fn worker_lines(worker: &WorkerOptions) -> String {
    let settings = [
        ("KESSAI_SAGA_ARCHIVE_DAYS", i64::from(worker.saga_archive_days)),
        (
            "KESSAI_ALERT_UPDATE_GRACE",
            i64::from(worker.alerts.alert_update_grace),
        ),
        (
            "KESSAI_ALERT_PAYMENT_GRACE",
            i64::from(worker.alerts.alert_payment_grace),
        ),
        ("KESSAI_ALERT_CRITICAL_YEN", worker.alerts.alert_critical_yen),
    ];
    let line = |(name, value): (&str, i64)| {
        let source = match std::env::var_os(name) {
            Some(_) => Source::Environment,
            None => Source::Default,
        };
        format!("{name:26}  {:11}  {value}\n", source.as_str())
    };
    settings.map(line).concat()
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
