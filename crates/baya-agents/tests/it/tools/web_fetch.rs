//! `web_fetch`: listed hosts only, pages as text.

use super::Place;
use crate::egress::site::Site;
use crate::egress::{names, rules};
use baya_agents::egress::Egress;
use baya_agents::tools::{Tool, ToolOutput, WebFetchTool};
use serde_json::json;

const PAGE: &str =
    "<!DOCTYPE html><html><head><title>The &amp; Page</title><style>p { color: red }</style></head>
<body><nav>menu</nav><h1>Big</h1><script>alert('<p>no</p>')</script>
<p>One <b>bold</b>\n word &#8212; <a href=\"/x?a=1&amp;b=2\">there</a>
<a href='#top'>up</a></p><ul><li>first<li>second</ul><pre>  keep\n   this</pre><!-- <p>gone</p> -->
<table><tr><td>a</td><td>1 < 2</td></tr></table>";

fn answers(line: &str, port: u16) -> (&'static str, String) {
    match line.split(' ').nth(1).unwrap() {
        "/page" => ("200 OK\r\nContent-Type: text/html; charset=utf-8", PAGE.to_owned()),
        "/json" => ("200 OK\r\nContent-Type: application/json", "{\"a\": [1]}".to_owned()),
        "/image" => ("200 OK\r\nContent-Type: image/png", "PNG".to_owned()),
        "/binary" => ("200 OK\r\nContent-Type: text/plain", "a\0b".to_owned()),
        "/latin" => ("200 OK\r\nContent-Type: text/plain; charset=iso-8859-1", "plain".to_owned()),
        "/long" => ("200 OK\r\nContent-Type: text/plain", format!("start\n{}\nend", "line\n".repeat(20_000))),
        "/huge" => ("200 OK\r\nContent-Type: text/plain", "x".repeat(5 * 1024 * 1024)),
        "/here" => ("302 Found\r\nLocation: /json", String::new()),
        "/loop" => ("302 Found\r\nLocation: /loop", String::new()),
        "/away" => ("301 Moved\r\nLocation: http://evil.org/", String::new()),
        "/file" => ("307 Temporary\r\nLocation: file:///etc/passwd", String::new()),
        "/inside" if port > 0 => ("302 Found\r\nLocation: http://inside.org/", String::new()),
        _ => ("404 Not Found\r\nContent-Type: text/plain", "nothing here".to_owned()),
    }
}

async fn fetch(site: &Site, url: &str) -> ToolOutput {
    let list =
        [format!("site.org:{}", site.port), "127.0.0.9".to_owned(), format!("127.0.0.9:{}", site.port)];
    let mut list: Vec<&str> = list.iter().map(String::as_str).collect();
    list.push("inside.org");
    let known =
        names(&[("site.org", "127.0.0.9"), ("inside.org", "169.254.169.254"), ("evil.org", "127.0.0.9")]);
    let tool = WebFetchTool::new(Egress::new(rules(&list)).with_look_up(known));
    let place = Place::new();
    let url = url.replace("SITE", &format!("http://site.org:{}", site.port));
    tool.call(json!({ "url": url }), &place.room).await
}

#[tokio::test]
async fn pages_become_text_and_what_is_none_is_named() {
    let site = Site::of(answers);
    let page = fetch(&site, "SITE/page").await;
    let expected = "The & Page\n\n# Big\n\nOne bold word — there (/x?a=1&b=2) up\n\n- first\n- second\n\n\
                    ```\n  keep\n   this\n```\n\na | 1 < 2 |";
    assert_eq!(page.text.split_once("\n\n").unwrap().1, expected, "{}", page.text);
    for (path, is_error, told) in [
        ("SITE/json", false, "(200 OK)\n\n{\"a\": [1]}"),
        ("SITE/latin", false, "plain"),
        ("SITE/here", false, "{\"a\": [1]}"),
        ("SITE/none", true, "(404 Not Found)\n\nnothing here"),
        ("SITE/image", true, "it is no text: image/png, 3 bytes"),
        ("SITE/binary", true, "it is no text: text/plain, 3 bytes"),
        ("SITE/long", false, " bytes cut) …"),
        ("SITE/huge", false, "cut off after 4194304 bytes"),
    ] {
        let output = fetch(&site, path).await;
        assert_eq!(output.is_error, is_error, "{path}: {output:?}");
        assert!(output.text.contains(told), "{path}: {:.300}", output.text);
    }
}

#[tokio::test]
async fn nothing_but_listed_hosts_is_asked_whatever_a_page_leads_to() {
    let site = Site::of(answers);
    for (url, told) in [
        ("http://evil.org/", "`evil.org` is not among the hosts that are allowed here; there is site.org:"),
        ("SITE/away", "`evil.org` is not among the hosts"),
        (
            "SITE/inside",
            "`inside.org` leads to 169.254.169.254, an address of this machine or of a private network",
        ),
        ("SITE/file", "only http and https are asked, not `file`"),
        ("SITE/loop", "more than 5 redirections"),
        ("file:///etc/passwd", "only http and https are asked"),
        ("http://user:word@site.org/", "a name or a password in it"),
        ("http://localhost/", "`localhost` is not among"),
        ("http://[::1]/", "`::1` is not among"),
        ("http://2130706433/", "`127.0.0.1` is not among"),
        ("no address", "is no address"),
    ] {
        let output = fetch(&site, url).await;
        assert!(output.is_error && output.text.contains(told), "{url}: {output:?}");
    }
    assert_eq!(site.asked().len(), 9, "three that lead away, and six of the loop: {:?}", site.asked());
}
