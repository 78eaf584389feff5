//! `allowed_outbound_hosts`: which origins a component may call, by Spin's rules.
//!
//! A pattern is `scheme://host[:port]`. `*` stands for any scheme, any host or any port, `*.example.com` for every name below
//! `example.com`, `8000..8100` for a range of ports (the end excluded). Without a port the scheme's own is meant.

use crate::error::LoadError;
use http::Uri;

/// The patterns of one component.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// `None`: any.
    scheme: Option<String>,
    host: Host,
    ports: Ports,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    /// `.example.com`
    Below(String),
    Exact(String),
}

#[derive(Clone, Debug)]
enum Ports {
    Any,
    /// First, and the one after the last.
    Range(u16, u32),
}

impl AllowedHosts {
    /// Parses the patterns of `component`, whose templates are expanded.
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`] with the entry's key.
    pub(crate) fn parse(component: &str, patterns: &[String]) -> Result<Self, LoadError> {
        let patterns = patterns
            .iter()
            .enumerate()
            .map(|(index, text)| {
                parse(text).map_err(|reason| {
                    let key = format!("component.{component}.allowed_outbound_hosts[{index}]");
                    LoadError::invalid(key, format!("`{text}`: {reason}"))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether an absolute address may be called.
    pub(crate) fn allow(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let Some(port) = uri.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        self.allow_host(scheme, host, port)
    }

    /// Whether a server may be called. An IPv6 address may be in brackets or not.
    pub(crate) fn allow_host(&self, scheme: &str, host: &str, port: u16) -> bool {
        let host = match host.to_ascii_lowercase() {
            bare if bare.contains(':') && !bare.starts_with('[') => format!("[{bare}]"),
            host => host,
        };
        self.patterns
            .iter()
            .any(|pattern| pattern.allow(scheme, &host, port))
    }
}

impl Pattern {
    fn allow(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.scheme.as_deref().is_none_or(|wanted| wanted == scheme)
            && match &self.host {
                Host::Any => true,
                Host::Below(suffix) => host
                    .strip_suffix(suffix.as_str())
                    .is_some_and(|name| !name.is_empty()),
                Host::Exact(exact) => exact == host,
            }
            && match self.ports {
                Ports::Any => true,
                Ports::Range(first, end) => port >= first && u32::from(port) < end,
            }
    }
}

fn parse(text: &str) -> Result<Pattern, String> {
    let Some((scheme, rest)) = text.trim().split_once("://") else {
        return Err("write scheme://host:port".to_owned());
    };
    let scheme = match scheme {
        "*" => None,
        "" => return Err("the scheme is missing".to_owned()),
        // This host speaks nothing else; a pattern for another scheme could never allow anything.
        other if default_port(other).is_some() => Some(scheme.to_owned()),
        other => {
            return Err(format!(
                "scheme `{other}` is not offered, only http, https, mysql, redis and rediss"
            ));
        }
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("only scheme, host and port".to_owned());
    }
    // An IPv6 address is in brackets, and its colons are not the port's.
    let split = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[split..].find(':') {
        Some(colon) => (&authority[..split + colon], Some(&authority[split + colon + 1..])),
        None => (authority, None),
    };
    let ports = match (port, &scheme) {
        (Some(port), _) => parse_ports(port)?,
        (None, Some(scheme)) => {
            let port = default_port(scheme).ok_or("the port is missing")?;
            Ports::Range(port, u32::from(port) + 1)
        }
        (None, None) => return Err("any scheme needs a port, or `:*`".to_owned()),
    };
    Ok(Pattern {
        scheme,
        host: parse_host(host)?,
        ports,
    })
}

fn parse_host(host: &str) -> Result<Host, String> {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "" => Err("the host is missing".to_owned()),
        "self" | "self.alt" => {
            Err("`self` is not offered; name the component's `.spin.internal` address".to_owned())
        }
        "*" => Ok(Host::Any),
        _ => match host.strip_prefix("*.") {
            Some(domain) if !domain.is_empty() && !domain.contains('*') => {
                Ok(Host::Below(format!(".{domain}")))
            }
            None if !host.contains('*') => Ok(Host::Exact(host)),
            _ => Err("`*` stands for the whole host or its first part".to_owned()),
        },
    }
}

fn parse_ports(port: &str) -> Result<Ports, String> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("`{text}` is not a port"));
    if port == "*" {
        return Ok(Ports::Any);
    }
    match port.split_once("..") {
        None => {
            let port = number(port)?;
            Ok(Ports::Range(port, u32::from(port) + 1))
        }
        Some((first, end)) => {
            let (first, end) = (number(first)?, number(end)?);
            if first >= end {
                return Err("an empty range of ports".to_owned());
            }
            Ok(Ports::Range(first, u32::from(end)))
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mysql" => Some(3306),
        "redis" | "rediss" => Some(6379),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn patterns_allow_what_they_say_and_nothing_else() {
        for (pattern, address, allowed) in [
            ("http://example.com", "http://example.com/x", true),
            ("http://example.com", "http://example.com:80/", true),
            ("http://example.com", "http://EXAMPLE.com/", true),
            ("http://example.com/", "http://example.com/", true),
            ("http://example.com", "https://example.com/", false),
            ("http://example.com", "http://example.com:8080/", false),
            ("http://example.com", "http://example.com.evil.net/", false),
            ("http://example.com", "http://example.com@evil.net/", false),
            ("http://example.com", "http://www.example.com/", false),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://evilexample.com/", false),
            ("http://127.0.0.1:3001", "http://127.0.0.1:3001/v2/codes", true),
            ("http://127.0.0.1:3001", "http://127.0.0.1:3002/", false),
            ("http://127.0.0.1:*", "http://127.0.0.1:9/", true),
            ("http://h:8000..8010", "http://h:8009/", true),
            ("http://h:8000..8010", "http://h:8010/", false),
            ("*://h:443", "https://h/", true),
            ("*://h:443", "http://h/", false),
            ("https://*", "https://anything.test/", true),
            ("https://*", "https://anything.test:444/", false),
            ("*://*:*", "http://anything.test:12345/", true),
            ("http://[::1]:3001", "http://[::1]:3001/", true),
            ("http://[::1]", "http://[::1]:3001/", false),
            ("mysql://db", "mysql://u:p%40@db:3306/orders?x=y", true),
            ("mysql://db:3307", "mysql://u@db/orders", false),
            ("http://db:3306", "mysql://db/orders", false),
            ("mysql://db", "redis://db:3306", false),
            ("redis://r", "redis://:p@r", true),
            ("redis://r", "rediss://r", false),
            ("*://*:*", "redis://r", true),
            (
                "http://order.spin.internal",
                "http://order.spin.internal/orders",
                true,
            ),
            (
                "http://*.spin.internal",
                "http://order.spin.internal/orders",
                true,
            ),
            (
                "http://order.spin.internal",
                "http://catalog.spin.internal/",
                false,
            ),
        ] {
            let hosts = AllowedHosts::parse("c", &[pattern.to_owned()]).unwrap();
            assert_eq!(
                hosts.allow(&address.parse().unwrap()),
                allowed,
                "{pattern} for {address}"
            );
        }
    }

    #[test]
    fn an_ipv6_address_is_the_same_with_and_without_brackets() {
        let hosts = AllowedHosts::parse("c", &["mysql://[::1]:3306".to_owned()]).unwrap();
        assert!(hosts.allow_host("mysql", "::1", 3306) && hosts.allow_host("mysql", "[::1]", 3306));
        assert!(!hosts.allow_host("mysql", "::2", 3306));
    }

    #[test]
    fn no_pattern_allows_nothing() {
        assert!(!AllowedHosts::default().allow(&"http://127.0.0.1/".parse().unwrap()));
    }

    #[test]
    fn malformed_patterns_are_refused_with_their_key() {
        for pattern in [
            "",
            "example.com",
            "http://",
            "://h",
            "ftp://h:21",
            "http://h/path",
            "http://h?q",
            "http://u@h",
            "*://h",
            "http://a.*.b",
            "http://*x.b",
            "http://h:x",
            "http://h:99999",
            "http://h:10..10",
            "http://self",
        ] {
            match AllowedHosts::parse("c", &["http://ok".to_owned(), pattern.to_owned()]) {
                Err(LoadError::Invalid { key, .. }) => {
                    assert_eq!(key, "component.c.allowed_outbound_hosts[1]");
                }
                other => panic!("`{pattern}` gave {other:?}"),
            }
        }
    }
}
