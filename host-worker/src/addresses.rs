//! Where this process listens, and the variables that follow from it.

use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be accepted: a shop's whole audience comes back at once after a restart.
const BACKLOG: u32 = 4096;

/// Listens, or says who must make room.
pub(crate) fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A port that connections of the last run still linger on is free.
    socket.set_reuseaddr(true)?;
    socket
        .bind(address)
        .and_then(|()| socket.listen(BACKLOG))
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                anyhow::anyhow!(
                    "{address} is in use by another program: stop it, or choose another port with {flag}"
                )
            }
            ErrorKind::AddrNotAvailable => {
                anyhow::anyhow!("{address} is not an address of this machine: choose another with {flag}")
            }
            ErrorKind::PermissionDenied => {
                anyhow::anyhow!("no permission to listen on {address}: choose a port above 1023 with {flag}")
            }
            _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
        })
}

/// The next port of the same address. Of port 0, which means any, the next one is any, too.
pub(crate) fn next_port(address: SocketAddr) -> Result<SocketAddr> {
    let port = match address.port() {
        0 => 0,
        port => port
            .checked_add(1)
            .context("there is no port after 65535: set --sandbox-listen")?,
    };
    Ok(SocketAddr::new(address.ip(), port))
}

/// How a program on this machine reaches a listener: a listener on every address is reached by loopback.
pub(crate) fn origin(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Variables that name the shop's own listener.
pub(crate) fn derive_shop(settings: &mut Settings, listen: SocketAddr) {
    let origin = origin(listen);
    settings.derive("public_url", origin.clone());
    settings.derive(
        "realtime_url",
        format!("{}/ws/orders", origin.replacen("http", "ws", 1)),
    );
    derive_issuer(settings, &origin);
}

/// Variables that name the development issuer.
pub(crate) fn derive_issuer(settings: &mut Settings, origin: &str) {
    settings.derive("auth_issuer", format!("{origin}/dev"));
    settings.derive("auth_jwks_origin", origin.to_owned());
}

/// The sandbox and the issuer let anybody log in and pay: they are for one machine.
pub(crate) fn refuse_in_public(public_url: &str, forced: bool) -> Result<()> {
    if !forced && kessai_sandbox::require_loopback(public_url).is_err() {
        bail!(
            "the shop's address is {public_url}, which others can reach, and the sandbox lets anybody log in and pay. Set \
             paypay_base_url, auth_issuer and the rest to real services, or say --force-sandbox if this is meant"
        )
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::tests::settings;

    const MANIFEST: &str = r#"
        [variables]
        public_url = { default = "http://127.0.0.1:3000" }
        realtime_url = { default = "ws://127.0.0.1:3000/ws/orders" }
        auth_issuer = { default = "http://127.0.0.1:3000/dev" }
        auth_jwks_origin = { default = "http://127.0.0.1:3000" }
    "#;

    #[test]
    fn the_default_port_changes_nothing() {
        let mut settings = settings(MANIFEST, &[]);
        derive_shop(&mut settings, "127.0.0.1:3000".parse().unwrap());
        assert!(settings.overrides().is_empty());
    }

    #[test]
    fn another_port_moves_every_address_that_nobody_set() {
        let mut settings = settings(MANIFEST, &[("SPIN_VARIABLE_PUBLIC_URL", "https://shop.example")]);
        derive_shop(&mut settings, "0.0.0.0:4100".parse().unwrap());
        assert_eq!(settings.value("public_url").unwrap(), "https://shop.example");
        assert_eq!(
            settings.value("realtime_url").unwrap(),
            "ws://127.0.0.1:4100/ws/orders"
        );
        assert_eq!(
            settings.value("auth_issuer").unwrap(),
            "http://127.0.0.1:4100/dev"
        );
        assert_eq!(
            settings.value("auth_jwks_origin").unwrap(),
            "http://127.0.0.1:4100"
        );
    }

    #[test]
    fn the_sandbox_is_for_loopback_unless_forced() {
        for url in [
            "http://127.0.0.1:3000",
            "http://localhost",
            "http://[::1]:80",
            "http://shop.localhost:1",
        ] {
            refuse_in_public(url, false).unwrap();
        }
        for url in [
            "https://shop.example",
            "http://192.168.0.4:3000",
            "http://localhost.example",
            "http://",
            "shop",
        ] {
            assert!(refuse_in_public(url, false).is_err(), "{url}");
        }
        refuse_in_public("https://shop.example", true).unwrap();
    }

    #[tokio::test]
    async fn a_port_in_use_is_said_in_words() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "--listen").unwrap();
        let error = listen(first.local_addr().unwrap(), "--listen")
            .unwrap_err()
            .to_string();
        assert!(error.contains("in use") && error.contains("--listen"), "{error}");
    }

    #[test]
    fn the_sandbox_takes_the_next_port() {
        assert_eq!(next_port("127.0.0.1:3000".parse().unwrap()).unwrap().port(), 3001);
        assert_eq!(next_port("127.0.0.1:0".parse().unwrap()).unwrap().port(), 0);
        assert!(next_port("127.0.0.1:65535".parse().unwrap()).is_err());
    }
}
