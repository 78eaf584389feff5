//! Where an event comes from: PayPay signs none and tells merchants to accept its addresses alone.
//!
//! The host names the peer in `spin-client-addr`, and drops what a client sends under that name. Behind proxies the peer is the last of them, and each has
//! added to `X-Forwarded-For` whom it heard. So the sender is found by counting from our own end, as many places as there are proxies of ours:
//! everything further left is the sender's own claim and may be made up.

use std::net::{IpAddr, SocketAddr};

use edge::RequestContext;
use ipnet::IpNet;

const PEER: &str = "spin-client-addr";
const FORWARDED: &str = "x-forwarded-for";

/// The networks that events may come from.
#[derive(Debug, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

impl AllowList {
    /// Reads networks (`203.0.113.0/24`) and single addresses, separated by commas or spaces. An empty list allows everybody.
    ///
    /// # Errors
    /// `None` if any of them is neither: a list that is understood in part would let in or keep out the wrong ones.
    pub fn parse(text: &str) -> Option<AllowList> {
        text.split(|separator: char| separator == ',' || separator.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(network)
            .collect::<Option<Vec<IpNet>>>()
            .map(AllowList)
    }

    /// Whether an event may come from there. An unknown sender is nobody on a list.
    pub fn allows(&self, sender: Option<IpAddr>) -> bool {
        self.0.is_empty()
            || sender.is_some_and(|sender| self.0.iter().any(|network| network.contains(&sender)))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    network.or_else(|| {
        text.parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical().into())
    })
}

/// Who sent the request, if `trusted_proxies` proxies of ours stand before us. `None`: the host does not say who the peer is, fewer proxies than
/// that had their hand in it, or what one of them wrote is no address.
pub fn sender(ctx: &RequestContext, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = ctx.header(PEER);
    let Some(hop) = trusted_proxies.checked_sub(1) else {
        return address(peer?);
    };
    // Several headers of this name are one list. Each is read alone, so that one in broken text hides no others.
    let lines: Vec<&str> = ctx
        .headers
        .get_all(FORWARDED)
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    lines
        .iter()
        .flat_map(|line| line.split(','))
        .rev()
        .nth(hop)
        .and_then(address)
}

/// An address as proxies write it: bare, with a port, or in brackets. An IPv4 address within IPv6 is that IPv4 address.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let found = bare.parse().ok();
    found
        .or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn from(peer: Option<&str>, forwarded: &[&str], trusted_proxies: usize) -> Option<String> {
        let mut ctx = RequestContext::for_test("POST", "/paypay/webhook");
        if let Some(peer) = peer {
            ctx = ctx.with_header(PEER, peer);
        }
        for line in forwarded {
            ctx.headers.append(FORWARDED, line.parse().unwrap());
        }
        sender(&ctx, trusted_proxies).map(|address| address.to_string())
    }

    #[test]
    fn the_sender_is_found_by_counting_from_our_own_end() {
        let peer = Some("10.0.0.1:50123");
        for (forwarded, trusted, expected) in [
            (&[][..], 0, Some("10.0.0.1")),
            (&["198.51.100.7"], 0, Some("10.0.0.1")),
            (&["198.51.100.7"], 1, Some("198.51.100.7")),
            (&["1.1.1.1, 198.51.100.7"], 1, Some("198.51.100.7")),
            (&["1.1.1.1, 198.51.100.7, 10.0.0.2"], 2, Some("198.51.100.7")),
            (&["1.1.1.1", "198.51.100.7,10.0.0.2"], 2, Some("198.51.100.7")),
            (&["198.51.100.7:4711"], 1, Some("198.51.100.7")),
            (&["[2001:db8::7]:4711"], 1, Some("2001:db8::7")),
            (&["[2001:db8::7]"], 1, Some("2001:db8::7")),
            (&["::ffff:198.51.100.7"], 1, Some("198.51.100.7")),
            // Fewer hops than there are proxies of ours, or nothing that is an address where ours should have written one.
            (&[], 1, None),
            (&["198.51.100.7"], 2, None),
            (&["198.51.100.7, unknown"], 1, None),
            (&["198.51.100.7,"], 1, None),
        ] {
            assert_eq!(
                from(peer, forwarded, trusted).as_deref(),
                expected,
                "{forwarded:?} {trusted}"
            );
        }
    }

    #[test]
    fn without_a_peer_nobody_is_known() {
        assert_eq!(from(None, &["198.51.100.7"], 0), None);
        assert_eq!(from(Some("nowhere"), &[], 0), None);
        assert_eq!(from(Some("[::1]:9"), &[], 0).as_deref(), Some("::1"));
        // Spin names the address with its port; other hosts may leave the port out.
        assert_eq!(from(Some("127.0.0.1"), &[], 0).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn a_list_allows_its_networks_and_nobody_else() {
        let list = AllowList::parse(" 203.0.113.0/24,2001:db8::/32\n198.51.100.7 ").unwrap();
        for (address, allowed) in [
            ("203.0.113.255", true),
            ("203.0.114.0", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
        ] {
            assert_eq!(list.allows(address.parse().ok()), allowed, "{address}");
        }
        assert!(!list.allows(None));
    }

    #[test]
    fn an_empty_list_allows_everybody_and_a_broken_one_is_none() {
        for text in ["", "  ", ","] {
            assert!(AllowList::parse(text).unwrap().allows(None), "{text:?}");
        }
        for text in [
            "203.0.113.0/33",
            "203.0.113",
            "paypay.example",
            "203.0.113.0/24;198.51.100.7",
            "*",
        ] {
            assert_eq!(AllowList::parse(text), None, "{text}");
        }
    }

    proptest! {
        /// Whatever the sender writes, only what our own proxy wrote after it counts.
        #[test]
        fn nothing_that_a_sender_claims_changes_who_it_is(claims in proptest::collection::vec("[ -~]{0,30}", 0..4)) {
            let mut forwarded: Vec<&str> = claims.iter().map(String::as_str).collect();
            forwarded.push("198.51.100.7");
            let found = from(Some("10.0.0.1:1"), &forwarded, 1);
            prop_assert_eq!(found.as_deref(), Some("198.51.100.7"));
        }
    }
}
