//! Servers that many shops share: which there are, and each shop's place on them.

use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use reqwest::Url;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, MySqlConnection};
use std::collections::BTreeMap;
use std::time::Duration;
use xtask::services::Services;

/// Which backends every shop gets: nothing (SQLite alone), some of `mysql`, `redis` and `kafka` separated by commas, or `production`, which is all.
const BACKENDS: &str = "KESSAI_TEST_BACKENDS";
/// Where they are: `mysql://user:password@host:port`, `redis://:password@host:port`, `host:port`.
const MYSQL: &str = "KESSAI_TEST_MYSQL";
const REDIS: &str = "KESSAI_TEST_REDIS";
const KAFKA: &str = "KESSAI_TEST_KAFKA";
/// All that a broker may take over the end of some topics.
const LIMIT: Duration = Duration::from_secs(10);
/// The owners whose schemas a shop has, as `kessai migrate` makes them.
pub const OWNERS: [&str; 7] = [
    "orders",
    "inventory",
    "accounts",
    "payments",
    "sessions",
    "catalog",
    "worker",
];

/// Servers that tests may use; one that is absent is not used.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    pub mysql: Option<Url>,
    pub redis: Option<Url>,
    pub kafka: Option<String>,
}

impl Servers {
    /// What the test command has chosen.
    ///
    /// # Errors
    /// A backend that is unknown, or whose address is not there: a run that would test something else than its caller believes.
    pub fn from_environment() -> Result<Servers> {
        Servers::read(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Servers> {
        let wanted = variable(BACKENDS).unwrap_or_default();
        let address =
            |name: &str| variable(name).with_context(|| format!("{BACKENDS}={wanted} needs {name}"));
        let url = |name: &str| Url::parse(&address(name)?).with_context(|| format!("{name} is no address"));
        let mut servers = Servers::default();
        for backend in wanted.split(',').filter(|backend| !backend.is_empty()) {
            let all = backend == "production";
            ensure!(
                all || ["mysql", "redis", "kafka"].contains(&backend),
                "{BACKENDS}: there is no backend `{backend}`"
            );
            if all || backend == "mysql" {
                servers.mysql = Some(url(MYSQL)?);
            }
            if all || backend == "redis" {
                servers.redis = Some(url(REDIS)?);
            }
            if all || backend == "kafka" {
                servers.kafka = Some(address(KAFKA)?);
            }
        }
        Ok(servers)
    }

    /// All three, as somebody has started them.
    ///
    /// # Errors
    /// One of them was not started.
    pub fn of(services: &Services) -> Result<Servers> {
        let variables: BTreeMap<String, String> = services.variables().into_iter().collect();
        let variable = |name: &str| {
            let value = variables.get(&format!("SPIN_VARIABLE_{name}"));
            value.with_context(|| format!("the servers set no {name}"))
        };
        let (user, password) = (variable("MYSQL_USER")?, variable("MYSQL_PASSWORD")?);
        let mysql = format!("mysql://{user}:{password}@{}", variable("MYSQL_ADDRESS")?);
        let redis = format!(
            "redis://:{}@{}",
            variable("REDIS_PASSWORD")?,
            variable("REDIS_ADDRESS")?
        );
        Ok(Servers {
            mysql: Some(Url::parse(&mysql)?),
            redis: Some(Url::parse(&redis)?),
            kafka: Some(variable("KAFKA_BROKERS")?.clone()),
        })
    }

    /// A place that nobody else has.
    pub fn place(self) -> Place {
        Place {
            // Tests may make schemas whose names begin with t.
            name: format!("t{:08x}", rand::random::<u32>()),
            servers: self,
        }
    }
}

/// One shop's part of the servers: schemas, sessions and topics under a name of its own. They go when this value does.
#[derive(Debug)]
pub struct Place {
    name: String,
    pub servers: Servers,
}

impl Place {
    /// The variables of spin.toml that lead a shop here.
    pub fn variables(&self) -> Result<BTreeMap<String, String>> {
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        if let Some(mysql) = &self.servers.mysql {
            set("database", "mysql");
            set("mysql_address", &address(mysql)?);
            set("mysql_user", mysql.username());
            set("mysql_password", mysql.password().unwrap_or_default());
            set("mysql_schema_prefix", &self.schema(""));
        }
        if let Some(redis) = &self.servers.redis {
            // Sessions and orders have ids that no other shop has, so that nothing need be told apart.
            set("session_store", "redis");
            set("fanout", "redis");
            set("redis_address", &address(redis)?);
            set("redis_user", redis.username());
            set("redis_password", redis.password().unwrap_or_default());
        }
        if let Some(kafka) = &self.servers.kafka {
            set("kafka_brokers", kafka);
            set("kafka_topic_prefix", &self.topic(""));
        }
        Ok(variables)
    }

    /// The schema of an owner.
    pub fn schema(&self, owner: &str) -> String {
        format!("{}_{owner}", self.name)
    }

    /// A topic's whole name.
    pub fn topic(&self, topic: &str) -> String {
        format!("{}.{topic}", self.name)
    }

    /// A connection to MySQL, if this is where the data is.
    pub async fn mysql(&self) -> Result<Option<MySqlConnection>> {
        let Some(url) = &self.servers.mysql else {
            return Ok(None);
        };
        Ok(Some(MySqlConnectOptions::from_url(url)?.connect().await?))
    }

    /// Leaves nothing behind.
    async fn clear(&self) -> Result<()> {
        if let Some(mut db) = self.mysql().await? {
            for owner in OWNERS {
                let drop = format!("DROP SCHEMA IF EXISTS `{}`", self.schema(owner));
                sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut db).await?;
            }
            db.close().await?;
        }
        if let Some(kafka) = &self.servers.kafka {
            let admin: AdminClient<DefaultClientContext> =
                ClientConfig::new().set("bootstrap.servers", kafka).create()?;
            let metadata = admin.inner().fetch_metadata(None, LIMIT)?;
            let ours: Vec<&str> = metadata
                .topics()
                .iter()
                .map(rdkafka::metadata::MetadataTopic::name)
                .filter(|name| name.starts_with(&self.topic("")))
                .collect();
            let options = AdminOptions::new().request_timeout(Some(LIMIT));
            for gone in admin.delete_topics(&ours, &options).await? {
                if let Err((topic, error)) = gone {
                    bail!("{topic}: {error}");
                }
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    /// On a thread of its own: the one that drops may be in the middle of a runtime.
    fn drop(&mut self) {
        let servers = &self.servers;
        if servers.mysql.is_none() && servers.kafka.is_none() {
            return;
        }
        let ours = &*self;
        let cleared = std::thread::scope(|scope| {
            let clear = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(ours.clear())
            };
            scope.spawn(clear).join()
        });
        match cleared {
            Ok(Ok(())) => {}
            // A test that has broken a server for good.
            Ok(Err(error)) => eprintln!("schemas or topics of {} are left: {error:#}", ours.name),
            Err(_) => eprintln!("schemas or topics of {} are left", ours.name),
        }
    }
}

fn address(url: &Url) -> Result<String> {
    let (host, port) = (url.host_str(), url.port());
    Ok(format!(
        "{}:{}",
        host.context("no host")?,
        port.with_context(|| format!("{url}: no port"))?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Servers> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Servers::read(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn a_backend_that_is_wanted_must_have_an_address() -> Result<()> {
        let none = read(&[(MYSQL, "mysql://a:b@127.0.0.1:1"), (KAFKA, "127.0.0.1:2")])?;
        assert!(none.place().variables()?.is_empty(), "nobody wanted any");
        let error = read(&[(BACKENDS, "production"), (MYSQL, "mysql://a:b@127.0.0.1:1")]).err();
        assert!(error.is_some_and(|error| error.to_string().contains(REDIS)));
        assert!(read(&[(BACKENDS, "oracle")]).is_err());

        let some = read(&[(BACKENDS, "redis"), (REDIS, "redis://:secret@127.0.0.1:7")])?.place();
        let variables = some.variables()?;
        for (name, value) in [
            ("redis_address", "127.0.0.1:7"),
            ("redis_password", "secret"),
            ("redis_user", ""),
        ] {
            assert_eq!(variables[name], value);
        }
        assert!(!variables.contains_key("database") && !variables.contains_key("kafka_brokers"));
        Ok(())
    }
}
