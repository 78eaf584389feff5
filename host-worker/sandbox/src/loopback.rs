//! The development surface stays on the developer's machine.

use std::net::IpAddr;

/// The public address is not this machine's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not an address of this machine: sandbox and development issuer would serve anybody; force them if that is what you want"
)]
pub struct NotLoopback(pub String);

/// Refuses an address whose host is not `localhost`, a name under it, 127.0.0.0/8 or `[::1]`.
pub fn require_loopback(url: &str) -> Result<(), NotLoopback> {
    let refused = || NotLoopback(url.to_owned());
    let url = reqwest::Url::parse(url).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let local = match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    };
    if local { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_addresses_pass() {
        for local in [
            "http://127.0.0.1:3000",
            "http://127.9.9.9",
            "http://localhost:1/x",
            "http://a.localhost",
            "http://[::1]:3",
        ] {
            assert_eq!(require_loopback(local), Ok(()), "{local}");
        }
        for public in [
            "https://shop.example",
            "http://10.0.0.1",
            "http://0.0.0.0:3000",
            "http://localhost.example",
            "http://127.0.0.1@shop.example/",
            "127.0.0.1:3000",
            "",
        ] {
            assert!(require_loopback(public).is_err(), "{public}");
        }
    }
}
