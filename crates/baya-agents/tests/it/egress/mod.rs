//! Which hosts may be asked.

mod proxy;
pub mod site;

use baya_agents::egress::{Egress, HostRule, HostRules, LookUp, is_public};
use std::net::SocketAddr;
use std::sync::Arc;

pub fn rules(list: &[&str]) -> HostRules {
    HostRules(list.iter().map(|rule| HostRule::parse(rule).unwrap()).collect())
}

/// A name service that knows these and nothing else.
pub fn names(known: &'static [(&'static str, &'static str)]) -> LookUp {
    Arc::new(move |host, port| {
        let found = known.iter().filter(|(name, _)| *name == host);
        let found: Vec<SocketAddr> =
            found.map(|(_, address)| SocketAddr::new(address.parse().unwrap(), port)).collect();
        Box::pin(async move { Ok(found) })
    })
}

#[test]
fn what_is_listed_is_allowed_and_nothing_else() {
    for (list, host, port, allowed) in [
        (&["docs.rs"][..], "docs.rs", 443, true),
        (&["docs.rs"], "DOCS.rs.", 80, true),
        (&["docs.rs"], "docs.rs", 8080, false),
        (&["docs.rs"], "evil-docs.rs", 443, false),
        (&["docs.rs"], "docs.rs.evil.org", 443, false),
        (&["*.python.org"], "docs.python.org", 443, true),
        (&["*.python.org"], "a.b.python.org", 443, true),
        (&["*.python.org"], "python.org", 443, false),
        (&["*.python.org"], ".python.org", 443, false),
        (&["*.python.org"], "evilpython.org", 443, false),
        (&["127.0.0.1:8080"], "127.0.0.1", 8080, true),
        (&["127.0.0.1:8080"], "127.0.0.1", 443, false),
        (&["[::1]:9"], "[::1]", 9, true),
        (&["::1"], "0:0:0:0:0:0:0:1", 80, true),
        (&[], "docs.rs", 443, false),
    ] {
        assert_eq!(rules(list).allow(host, port), allowed, "{list:?} {host}:{port}");
    }
    for wrong in
        ["", "*", "*.", "http://x", "a b", "x:0", "x:99999", "*.127.0.0.1", "-x", "a/b", "*.*.x", "x@y"]
    {
        assert!(HostRule::parse(wrong).is_err(), "{wrong}");
    }
    for right in ["docs.rs", "*.python.org", "127.0.0.1:8080", "[::1]:9", "::1"] {
        assert_eq!(HostRule::parse(right).unwrap().to_string(), right);
    }
}

#[test]
fn addresses_of_this_machine_and_of_private_networks_are_known() {
    let private = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 \
        198.18.0.1 192.0.2.1 224.0.0.1 ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
        64:ff9b::7f00:1 2002:7f00:1:: 2001::1 2001:db8::1 ::127.0.0.1";
    for address in private.split_whitespace() {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in
        "1.1.1.1 172.32.0.1 8.8.8.8 2606:4700::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::".split(' ')
    {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[tokio::test]
async fn where_a_name_leads_is_judged_too() {
    const KNOWN: &[(&str, &str)] = &[
        ("public.org", "8.8.8.8"),
        ("rebound.org", "8.8.8.8"),
        ("rebound.org", "127.0.0.1"),
        ("inside.corp", "10.0.0.7"),
        ("localhost", "127.0.0.1"),
    ];
    for (list, host, told) in [
        (&["public.org"][..], "public.org", "8.8.8.8:443"),
        (&["rebound.org"], "rebound.org", "`rebound.org` leads to 127.0.0.1, an address of this machine"),
        (&["inside.corp"], "inside.corp", "`inside.corp` leads to 10.0.0.7"),
        (&["inside.corp", "10.0.0.7"], "inside.corp", "10.0.0.7:443"),
        (&["localhost"], "localhost", "127.0.0.1:443"),
        (&["rebound.org", "localhost"], "rebound.org", "leads to 127.0.0.1"),
        (&["127.0.0.1"], "127.0.0.1", "127.0.0.1:443"),
        (&["gone.org"], "gone.org", "`gone.org` cannot be looked up: it has no address"),
        (&["public.org"], "8.8.8.8", "`8.8.8.8` is not among the hosts that are allowed here"),
    ] {
        let egress = Egress::new(rules(list)).with_look_up(names(KNOWN));
        let said = match egress.addresses(host, 443).await {
            Ok(found) => found.iter().map(ToString::to_string).collect(),
            Err(denied) => denied.to_string(),
        };
        assert!(said.contains(told), "{list:?} {host}: {said}");
    }
}
