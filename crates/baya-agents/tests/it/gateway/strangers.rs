//! Who is not let through: nothing is forwarded for them.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The answer to a request made by hand, and how many requests reached the provider.
async fn by_hand(port: u16, text: String) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the gateway's port");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        stream.write_all(text.as_bytes()).expect("written");
        let mut answer = Vec::new();
        // What was read before an error is the answer.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .expect("joined")
}

#[tokio::test]
async fn a_token_that_is_not_known_or_was_revoked_or_is_another_agents_is_refused() {
    for dialect in Dialect::ALL {
        let server = server([small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        let (grant, other) = (gateway.admit(admission(dialect)), gateway.admit(admission(dialect)));
        let gone = gateway.admit(admission(dialect));
        let (gone_url, gone_key) = (gone.base_url(dialect), gone.key().to_owned());
        drop(gone);
        let unknown = grant.base_url(dialect).replace(grant.key(), "baya-00000000000000000000000000000000");
        let none = format!("http://127.0.0.1:{}/v1", gateway.port());
        let path = |base: &str| match dialect {
            Dialect::Anthropic => format!("{}/v1/messages", base.trim_end_matches("/v1")),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => format!("{base}{}", super::path(dialect)),
        };
        for (what, url, key) in [
            ("revoked", path(&gone_url), gone_key.as_str()),
            ("unknown", path(&unknown), grant.key()),
            ("another's key", path(&grant.base_url(dialect)), other.key()),
            ("no token", path(&none), "sk-whatever"),
        ] {
            let asked = body(dialect, "p", false).to_string();
            let request = client().post(url).header("x-api-key", key).bearer_auth(key).body(asked);
            let request = match dialect {
                Dialect::Anthropic => request.header("anthropic-version", "2023-06-01"),
                Dialect::OpenAiChat | Dialect::OpenAiResponses => request,
            };
            let got = send(request).await;
            assert_eq!(got.status, 401, "{what}: {:?}", got.body);
            assert!(got.json()["error"]["message"].as_str().unwrap().starts_with("baya gateway: "));
        }
        assert_eq!(server.requests().len(), 0);
        assert_eq!((grant.take_meter(), other.take_meter()), (Meter::default(), Meter::default()));
    }
}

#[tokio::test]
async fn the_token_works_as_a_key_where_an_address_cannot_hold_it() {
    let server = server([small_answer(Dialect::OpenAiChat)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let url = format!("http://localhost:{}/v1/chat/completions", gateway.port());
    let asked = body(Dialect::OpenAiChat, "p", false).to_string();
    assert_eq!(send(client().post(url).bearer_auth(grant.key()).body(asked)).await.status, 200);
    assert_eq!(meter_of(&grant).await.usage.total(), 7);
}

#[tokio::test]
async fn the_real_key_goes_to_the_provider_and_nothing_of_the_agents_does() {
    for dialect in Dialect::ALL {
        let server = server([small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        let grant = gateway.admit(admission(dialect));
        let request = request(&grant, dialect, &body(dialect, "p", false))
            .header("cookie", "smuggled=1")
            .header("openai-organization", "smuggled")
            .header("x-forwarded-for", "smuggled")
            .header("x-goog-api-key", "smuggled")
            .header("authorization", "Bearer smuggled")
            .header("anthropic-beta", "welcome-2025")
            .header("x-stainless-lang", "welcome");
        assert_eq!(send(request).await.status, 200);
        let asked = server.requests().remove(0);
        let expected = match dialect {
            Dialect::Anthropic => format!("x-api-key: {REAL_KEY}"),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => format!("authorization: bearer {REAL_KEY}"),
        };
        assert_eq!(asked.head.matches(REAL_KEY).count(), 1, "{}", asked.head);
        assert!(asked.head.contains(&expected), "{}", asked.head);
        assert!(!asked.head.contains("smuggled"), "{}", asked.head);
        assert!(!asked.head.contains("baya-"), "{}", asked.head);
        assert!(asked.head.contains("anthropic-beta: welcome-2025"), "{}", asked.head);
        assert!(asked.head.contains("x-stainless-lang: welcome"), "{}", asked.head);
        assert!(asked.head.contains("accept-encoding: identity"), "{}", asked.head);
    }
}

#[tokio::test]
async fn a_key_that_the_provider_says_back_is_not_passed_on() {
    let said =
        format!(r#"{{"error": {{"message": "wrong key {REAL_KEY}", "type": "invalid_request_error"}}}}"#);
    let server = server([Reply::with(401, said).header("content-type", "application/json")]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let got = ask(&grant, Dialect::OpenAiChat, &body(Dialect::OpenAiChat, "p", false)).await;
    assert_eq!((got.status, got.json()["error"]["message"].as_str()), (401, Some("wrong key …")));
    let failure = grant.take_meter().last_failure.expect("a failure");
    assert_eq!(failure.kind, baya_core::agent::CauseKind::Key);
    assert!(!failure.message.contains(REAL_KEY), "{}", failure.message);
}

#[tokio::test]
async fn an_agent_on_its_own_login_keeps_it() {
    let server = server([small_answer(Dialect::Anthropic), small_answer(Dialect::OpenAiResponses)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(Admission { provider: None, ..admission(Dialect::Anthropic) });
    let request = |dialect| {
        let url = format!("{}{}", grant.base_url(dialect), path(dialect));
        let login = client().post(url).header("Authorization", "Bearer own-login-of-the-agent");
        login.header("x-own", "kept").body(body(dialect, "p", false).to_string())
    };
    assert_eq!(send(request(Dialect::Anthropic)).await.status, 200);
    assert_eq!(send(request(Dialect::OpenAiResponses)).await.status, 200);
    for asked in server.requests() {
        assert!(asked.head.contains("authorization: bearer own-login-of-the-agent"), "{}", asked.head);
        assert!(asked.head.contains("x-own: kept"), "{}", asked.head);
        assert!(!asked.head.contains(REAL_KEY), "{}", asked.head);
    }
    assert_eq!(meter_of(&grant).await.usage.total(), 14);
}

#[tokio::test]
async fn a_login_at_chatgpt_goes_where_codex_would_go() {
    let dialect = Dialect::OpenAiResponses;
    let server = server([small_answer(dialect), small_answer(dialect)]).await;
    let mut chatgpt = ProviderConfig::new(ProviderKind::OpenAiResponses);
    chatgpt.name = "chatgpt".to_owned();
    chatgpt.base_url = format!("{}/backend-api/codex", server.address);
    let governor = Governor::new(GovernorSettings::default());
    let config = GatewayConfig { providers: vec![chatgpt], governor, tape: Tape::None };
    let gateway = Gateway::start(config).await.unwrap();
    let capped = Admission { provider: None, tokens_max: Some(1000), ..admission(dialect) };
    let grant = gateway.admit(capped);
    let asked = |text: &str| {
        let url = format!("{}/responses", grant.base_url(dialect));
        let login = client().post(url).bearer_auth("login").header("chatgpt-account-id", "1");
        login.body(text.to_owned())
    };
    let text = body(dialect, "p", false).to_string();
    assert_eq!(send(asked(&text)).await.status, 200);
    // A packed body passes as it is: only the agent's own login can send one.
    assert_eq!(send(asked("packed").header("content-encoding", "zstd")).await.status, 200);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.path == "/backend-api/codex/responses"));
    // It takes no cap.
    assert_eq!(requests[0].body, body(dialect, "p", false));
    assert!(requests[1].head.contains("content-encoding: zstd"), "{}", requests[1].head);
    assert_eq!(grant.finish().usage.total(), 14);
}

#[tokio::test]
async fn only_the_known_paths_and_only_this_machines_name() {
    let server = server([]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let (token, port) = (grant.key(), gateway.port());
    let own = format!("127.0.0.1:{port}");
    for (line, host, status) in [
        (format!("POST /{token}/v1/embeddings"), own.as_str(), 404),
        (format!("GET /{token}/v1/messages"), &own, 404),
        (format!("GET /{token}/v1/models/../files"), &own, 404),
        (format!("GET /{token}/v1/models/%2e%2e"), &own, 404),
        (format!("GET /{token}"), &own, 404),
        ("GET /".to_owned(), &own, 404),
        (format!("GET /{token}/v1/models"), "evil.example", 403),
        (format!("GET /{token}/v1/models"), "127.0.0.1.evil.example", 403),
        (format!("GET http://evil.example/{token}/v1/models"), &own, 403),
        ("CONNECT evil.example:443".to_owned(), &own, 403),
    ] {
        let text =
            format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = by_hand(port, text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {host}: {answer}");
        assert!(!answer.contains(token), "{answer}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_body_with_two_lengths_is_one_request_or_none() {
    let server = server([small_answer(Dialect::OpenAiChat), small_answer(Dialect::OpenAiChat)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let (token, port) = (grant.key(), gateway.port());
    let inner =
        format!("POST /{token}/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    let smuggled = format!(
        "POST /{token}/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{inner}"
    );
    let answer = by_hand(port, smuggled).await;
    assert!(answer.matches("HTTP/1.1").count() <= 1, "{answer}");
    let two_hosts = format!(
        "GET /{token}/v1/models HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
    );
    let answer = by_hand(port, two_hosts).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(server.requests().len() <= 1);
    let line_in_a_header = format!(
        "GET /{token}/v1/models HTTP/1.1\r\nhost: localhost\r\nx-app: a\r\n\tauthorization: Bearer x\r\n\
        connection: close\r\n\r\n"
    );
    assert!(by_hand(port, line_in_a_header).await.starts_with("HTTP/1.1 4"));
}

#[tokio::test]
async fn a_web_socket_is_declined_so_that_the_client_falls_back() {
    let gateway = gateway_to("http://127.0.0.1:9").await;
    let grant = gateway.admit(admission(Dialect::OpenAiResponses));
    let text = format!(
        "GET /{}/v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        grant.key()
    );
    let answer =
        by_hand(gateway.port(), text.replace("connection: upgrade", "connection: close, upgrade")).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_the_limits_name() {
    let server = server([]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let text = format!(
        "POST /{}/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        grant.key(),
        baya_core::limits::GATEWAY_REQUEST_BYTES_MAX + 1
    );
    let answer = by_hand(gateway.port(), text).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("GATEWAY_REQUEST_BYTES_MAX"), "{answer}");
    assert_eq!(server.requests().len(), 0);
}
