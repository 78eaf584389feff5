//! What a guest's address says about the sessions behind it.

use super::Error;
use crate::config::MySqlLimits;
use mysql_async::{Opts, OptsBuilder, SslOpts};

/// Statements kept prepared on each session.
const PREPARED_STATEMENTS: usize = 64;
/// Bytes of one packet; MySQL 8's own default.
const MAX_PACKET: usize = 64 << 20;

/// Parses `mysql://user:password@host:port/schema?ssl-mode=…`. Without `ssl-mode`, or with `disabled`, the session is in the clear; any other
/// mode means TLS with a certificate that a public authority vouches for, as in Spin.
///
/// # Errors
///
/// [`Error::Address`], without the address: it has a password in it.
pub(super) fn parse(address: &str, limits: &MySqlLimits) -> Result<Opts, Error> {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let (modes, others): (Vec<&str>, Vec<&str>) = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .partition(|pair| is_ssl_mode(pair));
    let tls = modes
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .any(|(_, mode)| !mode.eq_ignore_ascii_case("disabled"));
    let plain = if others.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", others.join("&"))
    };
    let options = Opts::from_url(&plain).map_err(|error| Error::Address(error.to_string()))?;
    Ok(OptsBuilder::from_opts(options)
        .ssl_opts(tls.then(SslOpts::default))
        // The manifest allows an address, not whatever socket file the server names.
        .prefer_socket(false)
        .socket(None::<String>)
        .tcp_nodelay(true)
        .stmt_cache_size(PREPARED_STATEMENTS)
        // Given here, a session need not ask for them when it begins.
        .max_allowed_packet(Some(MAX_PACKET))
        .wait_timeout(Some(28_800))
        .setup(vec![server_limits(limits)])
        .into())
}

fn is_ssl_mode(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    ["ssl-mode", "sslmode"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The server's own limits: one for waiting on a row's lock, one for the statement. MariaDB and MySQL each read only their own comment.
fn server_limits(limits: &MySqlLimits) -> String {
    let statement = limits.statement.as_millis().max(1_000);
    let lock = statement / 1_000;
    format!(
        "SET SESSION innodb_lock_wait_timeout = {lock} /*M!100100 , max_statement_time = {} */ /*!50708 , max_execution_time = {statement} */",
        statement.div_ceil(1_000),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn options(address: &str) -> Opts {
        parse(address, &MySqlLimits::default()).unwrap()
    }

    #[test]
    fn an_address_is_taken_apart() {
        let options = options("mysql://shop:p%40ss%3A%2F@db.test:3307/kessai_orders");
        assert_eq!((options.ip_or_hostname(), options.tcp_port()), ("db.test", 3307));
        assert_eq!(
            (options.user(), options.pass(), options.db_name()),
            (Some("shop"), Some("p@ss:/"), Some("kessai_orders"))
        );
        assert!(options.ssl_opts().is_none() && !options.prefer_socket());
    }

    #[test]
    fn any_mode_but_disabled_is_tls() {
        for (query, tls) in [
            ("", false),
            ("?ssl-mode=DISABLED", false),
            ("?ssl-mode=required", true),
            ("?sslMode=VERIFY_IDENTITY&stmt_cache_size=7", true),
        ] {
            let options = options(&format!("mysql://u@h/s{query}"));
            assert_eq!(options.ssl_opts().is_some(), tls, "{query}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for address in [
            "",
            "mysql:",
            "http://u:hush@h/s",
            "mysql://u:hush@h/s?no_such_thing=1",
        ] {
            let error = parse(address, &MySqlLimits::default()).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
