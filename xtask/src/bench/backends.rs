//! `cargo xtask bench backends`: the same orders on MariaDB and on SQLite.

use super::orders;
use crate::build;
use crate::services::{Kind, Services};
use anyhow::{Context, Result};

pub fn bench(options: &orders::Options) -> Result<u8> {
    build::wasm_target()?;
    build::components()?;
    let servers = Services::start_anew(&super::folder()?.join("services"), &[Kind::Mariadb])?;
    let settings = servers.variables();
    let value = |name: &str| {
        let setting = settings.iter().find(|(setting, _)| setting.ends_with(name));
        setting
            .map(|(_, value)| value.as_str())
            .with_context(|| format!("MariaDB has no {name}"))
    };
    let login = format!(
        "{}:{}@{}",
        value("MYSQL_USER")?,
        value("MYSQL_PASSWORD")?,
        value("MYSQL_ADDRESS")?
    );
    orders::run("backends", options, &["--mysql".to_owned(), login])
}
