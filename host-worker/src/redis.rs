//! Redis, where the variables ask for it: what other workers are told, and whether it answers.

use crate::settings::Settings;
use anyhow::{Context, Result, bail, ensure};
use futures::{FutureExt, future::BoxFuture};
use kessai_ops::Probe;
use kessai_realtime::{Fanout, Realtime, RedisServer, RedisTls};

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
        tls(settings)?,
    )
    .context("the variable `redis_address`")
}

/// How connections to Redis are secured; `None`: not at all.
fn tls(settings: &Settings) -> Result<Option<RedisTls>> {
    match settings.value("redis_tls")? {
        "false" => Ok(None),
        "true" => Ok(Some(RedisTls {
            authorities: authorities(settings)?,
        })),
        value => bail!("the variable `redis_tls` is `{value}`: true or false"),
    }
}

/// The certificates of `redis_ca_file`, in PEM; `None`: the system's. Components use them, too.
pub(crate) fn authorities(settings: &Settings) -> Result<Option<Vec<u8>>> {
    let file = settings.value("redis_ca_file")?;
    if file.is_empty() {
        return Ok(None);
    }
    let pem =
        std::fs::read_to_string(file).with_context(|| format!("the variable `redis_ca_file`: {file}"))?;
    ensure!(
        pem.contains("-----BEGIN CERTIFICATE-----"),
        "the variable `redis_ca_file`: {file} has no certificate in PEM"
    );
    Ok(Some(pem.into_bytes()))
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
        redis_tls = { default = "false" }
        redis_ca_file = { default = "" }
    "#;

    /// Of nobody: its key is gone.
    const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBhzCCAS2gAwIBAgIULeoHxmb1EkcsikiwqnnUyvKA4yswCgYIKoZIzj0EAwIw\n\
        GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwHhcNMjYxMTIzMDcwMjM0WhcNMjYx\n\
        MTI1MDcwMjM0WjAZMRcwFQYDVQQDDA50ZXN0IGF1dGhvcml0eTBZMBMGByqGSM49\n\
        AgEGCCqGSM49AwEHA0IABF/GjJ7bCb4G5dlYxr1wAk/CekEpR9Mg85pU8POni+h3\n\
        0Df7g/OZ6JHtBeS4QfKCZDnkOA7dsM49cTBVpjKcsZajUzBRMB0GA1UdDgQWBBRI\n\
        ivQ6Pg0O4l7TCEvrEd1bOKlLDzAfBgNVHSMEGDAWgBRIivQ6Pg0O4l7TCEvrEd1b\n\
        OKlLDzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIERu4eDd/Ts6\n\
        Jq2ig5HRLPpWf1QPuWuieg1ieirXRi6+AiEA+KpVV17J+4YnEO64CGgPfSLx04Iu\n\
        5UdBzpJ0z8k2Ejs=\n\
        -----END CERTIFICATE-----\n";

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

    #[test]
    fn what_is_said_of_tls_is_held_to_before_anything_is_connected() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (empty, missing) = (
            file("empty", ""),
            folder.path().join("missing").display().to_string(),
        );
        let authority = file("authority", AUTHORITY);
        let broken = file(
            "broken",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        for (tls, ca_file, complaint) in [
            ("false", "", None),
            ("true", "", None),
            ("true", authority.as_str(), None),
            ("yes", "", Some("`redis_tls` is `yes`: true or false")),
            ("true", missing.as_str(), Some("`redis_ca_file`")),
            ("true", empty.as_str(), Some("has no certificate")),
            ("true", broken.as_str(), Some("trust anchors")),
        ] {
            let environment = [
                ("SPIN_VARIABLE_FANOUT", "redis"),
                ("SPIN_VARIABLE_REDIS_TLS", tls),
                ("SPIN_VARIABLE_REDIS_CA_FILE", ca_file),
            ];
            let error = probe(&settings(MANIFEST, &environment)).err();
            let said = error.map(|error| format!("{error:#}"));
            match (&said, complaint) {
                (None, None) => {}
                (Some(said), Some(complaint)) => assert!(said.contains(complaint), "{said}"),
                _ => panic!("{tls} {ca_file}: {said:?}"),
            }
        }
    }
}
