//! Which Kafka, and how to be let in.

use rdkafka::ClientConfig;
use std::{fmt, path::PathBuf};

/// Kafka's limit for the name of a topic.
const LONGEST_TOPIC: usize = 249;
const MECHANISMS: [&str; 3] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];

/// A variable `kafka_*` cannot be meant as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct SettingsError {
    pub variable: &'static str,
    pub reason: String,
}

fn wrong(variable: &'static str, reason: impl Into<String>) -> SettingsError {
    SettingsError {
        variable,
        reason: reason.into(),
    }
}

/// How clients reach the brokers.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    brokers: String,
    protocol: Protocol,
    sasl: Option<Sasl>,
    ca_file: Option<PathBuf>,
    topic_prefix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    const ALL: [Protocol; 4] = [
        Protocol::Plaintext,
        Protocol::Ssl,
        Protocol::SaslPlaintext,
        Protocol::SaslSsl,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        }
    }

    fn has_sasl(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }

    fn has_tls(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Sasl {
    mechanism: &'static str,
    username: String,
    password: String,
}

/// Without the password.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("protocol", &self.protocol)
            .field("user", &self.sasl.as_ref().map(|sasl| &sasl.username))
            .field("ca_file", &self.ca_file)
            .field("topic_prefix", &self.topic_prefix)
            .finish()
    }
}

impl KafkaSettings {
    /// Brokers that let everybody in, without encryption: `host:port`, separated by commas.
    pub fn plaintext(brokers: &str, topic_prefix: &str) -> Result<KafkaSettings, SettingsError> {
        let settings = KafkaSettings::from_variables(|name| match name {
            "kafka_brokers" => brokers,
            "kafka_topic_prefix" => topic_prefix,
            "kafka_security_protocol" => "plaintext",
            _ => "",
        })?;
        settings.ok_or_else(|| wrong("kafka_brokers", "empty"))
    }

    /// From the variables `kafka_*` of the manifest; `None` where no broker is named.
    ///
    /// # Errors
    /// The first variable that is malformed, missing, or set in vain: a password that would not be used is more likely a protocol forgotten.
    pub fn from_variables<'a>(
        value: impl Fn(&'static str) -> &'a str,
    ) -> Result<Option<KafkaSettings>, SettingsError> {
        let brokers: Vec<&str> = value("kafka_brokers").split(',').map(str::trim).collect();
        if brokers == [""] {
            return Ok(None);
        }
        if let Some(broker) = brokers.iter().find(|broker| !is_address(broker)) {
            return Err(wrong("kafka_brokers", format!("`{broker}` is not host:port")));
        }
        let protocol = value("kafka_security_protocol");
        let Some(protocol) = Protocol::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(protocol))
        else {
            return Err(wrong(
                "kafka_security_protocol",
                format!("`{protocol}` is none of plaintext, ssl, sasl_plaintext, sasl_ssl"),
            ));
        };
        Ok(Some(KafkaSettings {
            brokers: brokers.join(","),
            protocol,
            sasl: sasl(protocol, &value)?,
            ca_file: ca_file(protocol, value("kafka_ca_file"))?,
            topic_prefix: topic_prefix(value("kafka_topic_prefix"))?,
        }))
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The name that a topic has on these brokers.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// What every client of these brokers needs. Each may add what it is for.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "kessai")
            .set("security.protocol", self.protocol.as_str())
            .set("socket.keepalive.enable", "true")
            // A broker that comes back is found within this time (ms).
            .set("reconnect.backoff.max.ms", "1000");
        if let Some(file) = &self.ca_file {
            config.set("ssl.ca.location", file.to_string_lossy());
        }
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", sasl.mechanism)
                .set("sasl.username", &sasl.username)
                .set("sasl.password", &sasl.password);
        }
        config
    }
}

fn is_address(broker: &str) -> bool {
    broker.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(char::is_whitespace)
            && !host.contains('/')
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn sasl<'a>(
    protocol: Protocol,
    value: &impl Fn(&'static str) -> &'a str,
) -> Result<Option<Sasl>, SettingsError> {
    let (username, password) = (value("kafka_sasl_username"), value("kafka_sasl_password"));
    if !protocol.has_sasl() {
        return if username.is_empty() && password.is_empty() {
            Ok(None)
        } else {
            Err(wrong(
                "kafka_security_protocol",
                format!("{} uses no user and password: sasl_ssl does", protocol.as_str()),
            ))
        };
    }
    for (variable, value) in [
        ("kafka_sasl_username", username),
        ("kafka_sasl_password", password),
    ] {
        if value.is_empty() {
            return Err(wrong(variable, format!("{} needs it", protocol.as_str())));
        }
    }
    let mechanism = value("kafka_sasl_mechanism");
    let Some(mechanism) = MECHANISMS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(mechanism))
    else {
        return Err(wrong(
            "kafka_sasl_mechanism",
            format!("`{mechanism}` is none of {}", MECHANISMS.join(", ")),
        ));
    };
    Ok(Some(Sasl {
        mechanism,
        username: username.to_owned(),
        password: password.to_owned(),
    }))
}

fn ca_file(protocol: Protocol, file: &str) -> Result<Option<PathBuf>, SettingsError> {
    if file.is_empty() {
        return Ok(None);
    }
    if !protocol.has_tls() {
        return Err(wrong(
            "kafka_security_protocol",
            format!(
                "{} asks for no certificate: ssl and sasl_ssl do",
                protocol.as_str()
            ),
        ));
    }
    // Said here, in words; librdkafka would say it by an OpenSSL number.
    std::fs::File::open(file).map_err(|error| wrong("kafka_ca_file", format!("{file}: {error}")))?;
    Ok(Some(file.into()))
}

fn topic_prefix(prefix: &str) -> Result<String, SettingsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let longest = domain::topic::ALL
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or(0);
    if !prefix.chars().all(legal) {
        return Err(wrong(
            "kafka_topic_prefix",
            "only letters, digits, `.`, `_` and `-` stand in a topic's name",
        ));
    }
    if prefix.len() + longest > LONGEST_TOPIC {
        return Err(wrong(
            "kafka_topic_prefix",
            format!("longer than {} characters", LONGEST_TOPIC - longest),
        ));
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashMap;

    fn parse(set: &[(&'static str, &str)]) -> Result<Option<KafkaSettings>, SettingsError> {
        let mut values = HashMap::from([
            ("kafka_brokers", "one:9092, two:9093"),
            ("kafka_security_protocol", "plaintext"),
            ("kafka_sasl_mechanism", "SCRAM-SHA-512"),
        ]);
        values.extend(set.iter().copied());
        KafkaSettings::from_variables(|name| values.get(name).copied().unwrap_or(""))
    }

    #[test]
    fn no_broker_means_no_kafka() {
        assert_eq!(parse(&[("kafka_brokers", "")]), Ok(None));
    }

    #[test]
    fn tls_and_sasl_become_what_librdkafka_takes() {
        let authorities = tempfile::NamedTempFile::new().unwrap();
        let path = authorities.path().to_str().unwrap();
        let settings = parse(&[
            ("kafka_security_protocol", "SASL_SSL"),
            ("kafka_sasl_mechanism", "scram-sha-256"),
            ("kafka_sasl_username", "kessai"),
            ("kafka_sasl_password", "open sesame"),
            ("kafka_ca_file", path),
            ("kafka_topic_prefix", "shop-1."),
        ])
        .unwrap()
        .unwrap();
        let config = settings.client();
        for (key, expected) in [
            ("bootstrap.servers", "one:9092,two:9093"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.username", "kessai"),
            ("sasl.password", "open sesame"),
            ("ssl.ca.location", path),
        ] {
            assert_eq!(config.get(key), Some(expected), "{key}");
        }
        assert_eq!(settings.topic("orders.events.v1"), "shop-1.orders.events.v1");
        assert!(!format!("{settings:?}").contains("sesame"));

        // A plain connection carries none of it.
        let plain = parse(&[]).unwrap().unwrap().client();
        assert_eq!(plain.get("security.protocol"), Some("plaintext"));
        assert!(plain.get("sasl.mechanism").is_none() && plain.get("ssl.ca.location").is_none());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let secret = ("kafka_sasl_password", "p");
        let user = ("kafka_sasl_username", "u");
        let sasl = ("kafka_security_protocol", "sasl_ssl");
        let long = "x".repeat(250);
        let cases: [(&[(&'static str, &str)], &str); 10] = [
            (&[("kafka_brokers", "one")], "kafka_brokers"),
            (&[("kafka_brokers", "one:9092,")], "kafka_brokers"),
            (&[("kafka_brokers", "http://one:9092")], "kafka_brokers"),
            (&[("kafka_security_protocol", "tls")], "kafka_security_protocol"),
            (&[user, secret], "kafka_security_protocol"),
            (&[sasl, user], "kafka_sasl_password"),
            (
                &[sasl, user, secret, ("kafka_sasl_mechanism", "MD5")],
                "kafka_sasl_mechanism",
            ),
            (
                &[
                    ("kafka_security_protocol", "ssl"),
                    ("kafka_ca_file", "/no/such/file"),
                ],
                "kafka_ca_file",
            ),
            (&[("kafka_topic_prefix", "a b")], "kafka_topic_prefix"),
            (&[("kafka_topic_prefix", &long)], "kafka_topic_prefix"),
        ];
        for (set, variable) in cases {
            assert_eq!(parse(set).unwrap_err().variable, variable, "{set:?}");
        }
    }
}
