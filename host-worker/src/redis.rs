//! Redis, where the variables ask for it: what other workers are told, and whether it answers.

use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use futures::{FutureExt, future::BoxFuture};
use kessai_ops::Probe;
use kessai_realtime::{Fanout, Realtime, RedisServer};

/// Takes part in telling all workers what to push, unless this worker is the only one.
pub(crate) fn fanout(settings: &Settings, realtime: &Realtime) -> Result<Option<Fanout>> {
    if !is_wanted(settings, "fanout", "local")? {
        return Ok(None);
    }
    Ok(Some(Fanout::start(server(settings)?, realtime)))
}

/// What to ask about Redis; `None` for a shop without it.
pub(crate) fn probe(settings: &Settings) -> Result<Option<RedisProbe>> {
    let uses = [
        is_wanted(settings, "fanout", "local")?,
        is_wanted(settings, "session_store", "database")?,
    ];
    if uses.contains(&true) {
        Ok(Some(RedisProbe(server(settings)?)))
    } else {
        Ok(None)
    }
}

fn is_wanted(settings: &Settings, variable: &str, otherwise: &str) -> Result<bool> {
    match settings.value(variable)? {
        "redis" => Ok(true),
        value if value == otherwise => Ok(false),
        value => bail!("the variable `{variable}` is `{value}`: {otherwise} or redis"),
    }
}

fn server(settings: &Settings) -> Result<RedisServer> {
    RedisServer::new(
        settings.value("redis_address")?,
        settings.value("redis_user")?,
        settings.value("redis_password")?,
    )
    .context("the variable `redis_address`")
}

/// Whether Redis lets us in and answers. Without it the shop's pages and the payments go on, and pushes of this worker to its own buyers.
#[derive(Clone, Debug)]
pub(crate) struct RedisProbe(RedisServer);

impl Probe for RedisProbe {
    fn name(&self) -> String {
        "redis".into()
    }

    fn is_required(&self) -> bool {
        false
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move { self.0.ping().await.map_err(|error| error.to_string()) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::tests::settings;

    const MANIFEST: &str = r#"
        [variables]
        fanout = { default = "local" }
        session_store = { default = "database" }
        redis_address = { default = "127.0.0.1:6379" }
        redis_user = { default = "" }
        redis_password = { default = "", secret = true }
    "#;

    #[test]
    fn redis_is_asked_about_if_anything_needs_it() {
        let asked = |environment: &[(&str, &str)]| {
            probe(&settings(MANIFEST, environment))
                .map(|probe| probe.is_some())
                .map_err(|error| error.to_string())
        };
        assert_eq!(asked(&[]), Ok(false));
        assert_eq!(asked(&[("SPIN_VARIABLE_FANOUT", "redis")]), Ok(true));
        assert_eq!(asked(&[("SPIN_VARIABLE_SESSION_STORE", "redis")]), Ok(true));
        assert_eq!(
            asked(&[("SPIN_VARIABLE_FANOUT", "kafka")]),
            Err("the variable `fanout` is `kafka`: local or redis".into())
        );
        let wrong_address = [
            ("SPIN_VARIABLE_FANOUT", "redis"),
            ("SPIN_VARIABLE_REDIS_ADDRESS", "redis:http"),
        ];
        assert_eq!(asked(&wrong_address), Err("the variable `redis_address`".into()));
    }
}
