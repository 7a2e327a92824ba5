//! The allow-list proxy, through programs that know proxies.

use super::site::Site;
use super::{names, rules};
use baya_agents::egress::{Egress, Pass, Proxy};
use std::process::Output;
use std::sync::Arc;

fn hello(_: &str, _: u16) -> (&'static str, String) {
    ("200 OK", "hello from inside".to_owned())
}

struct Gate {
    site: Site,
    proxy: Arc<Proxy>,
}

impl Gate {
    /// `site.org` is the site, `rebound.org` too, but nobody has listed its address.
    async fn open() -> Gate {
        let site = Site::of(hello);
        let list = [
            format!("site.org:{}", site.port),
            format!("127.0.0.9:{}", site.port),
            format!("private.org:{}", site.port),
            "site.org".to_owned(),
        ];
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let known =
            names(&[("site.org", "127.0.0.9"), ("private.org", "127.0.0.1"), ("other.org", "127.0.0.9")]);
        let proxy = Proxy::start(Egress::new(rules(&list)).with_look_up(known)).await.unwrap();
        Gate { site, proxy }
    }
}

/// What curl makes of an address, with this pass.
async fn curl(pass: &Pass, words: &[&str]) -> String {
    let mut command = tokio::process::Command::new("curl");
    command.args(["-sS", "--max-time", "20"]).args(words).env_clear().env("PATH", "/usr/bin:/bin");
    let Output { stdout, stderr, .. } = command.envs(pass.environment()).output().await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}

#[tokio::test]
async fn only_listed_hosts_are_reached_and_refusals_are_told() {
    let gate = Gate::open().await;
    let pass = gate.proxy.pass().unwrap();
    let port = gate.site.port;
    for (address, tunnel, told) in [
        (format!("http://site.org:{port}/a?b=c"), false, "hello from inside"),
        (format!("http://site.org:{port}/a"), true, "hello from inside"),
        (format!("http://other.org:{port}/"), false, "`other.org:"),
        (format!("http://other.org:{port}/"), true, "403"),
        (format!("http://private.org:{port}/"), true, "403"),
        ("http://site.org:1/".to_owned(), false, "is not among the hosts that are allowed here"),
    ] {
        let mut words = vec![address.as_str()];
        words.extend(tunnel.then_some("--proxytunnel"));
        let said = curl(&pass, &words).await;
        assert!(said.contains(told), "{words:?}: {said}");
    }
    let asked = gate.site.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].starts_with("GET /a?b=c HTTP/1.1\nHost: site.org:"), "{asked:?}");
    assert!(!asked.concat().to_lowercase().contains("proxy-"), "no pass goes out: {asked:?}");
    let refused = pass.take_refused();
    let hosts: Vec<&str> = refused.iter().map(|line| line.split('`').nth(1).unwrap()).collect();
    assert_eq!(hosts, [&format!("other.org:{port}"), "private.org", "site.org:1"]);
    assert!(refused[1].contains("leads to 127.0.0.1, an address of this machine"), "{refused:?}");
    assert!(pass.take_refused().is_empty());
}

#[tokio::test]
async fn without_a_pass_or_with_an_old_one_nobody_gets_through() {
    let gate = Gate::open().await;
    let address = format!("http://site.org:{}/", gate.site.port);
    let pass = gate.proxy.pass().unwrap();
    let bare = format!("http://127.0.0.1:{}", gate.proxy.port());
    assert!(curl(&pass, &["-x", &bare, &address]).await.contains("no pass is shown"));
    let other = Gate::open().await.proxy.pass().unwrap();
    let stolen = other.environment().next().unwrap().1;
    let stolen = format!("{}:{}", stolen.rsplit_once(':').unwrap().0, gate.proxy.port());
    assert!(curl(&pass, &["-x", &stolen, &address]).await.contains("no pass is shown"));
    let own = pass.environment().next().unwrap().1;
    drop(pass);
    assert!(curl(&other, &["-x", &own, &address]).await.contains("no pass is shown"));
    assert!(gate.site.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let gate = Gate::open().await;
    for (sent, told) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET /local HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET ftp://site.org/ HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("CONNECT site.org HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("CONNECT site.org:443 HTTP/1.1\r\n\r\n".to_owned(), "407"),
        (format!("GET http://x/ HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(40_000)), "431"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", gate.proxy.port())).await.unwrap();
        // It may hang up before all of it is read.
        let _ = stream.write_all(sent.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {told}")) || answer.is_empty() && told == "431",
            "{answer}"
        );
    }
}
