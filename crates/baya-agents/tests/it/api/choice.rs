//! Which provider, which model, which effort, which system text.

use super::canned;
use super::server::{Reply, Server};
use super::{options, provider, quick, run, task};
use baya_agents::agent_types::{self, AgentTypes};
use baya_agents::api::{
    ApiBackend, ApiSettings, ProviderConfig, ProviderKind, ProviderSettings, Secret, SelectError,
    find_providers, select,
};
use baya_agents::backend::{Attempt, Backend, OpenGate};
use baya_agents::models::{
    Chosen, ModelRow, ModelTable, ProviderModels, Unresolved, clamp_effort, clamp_tokens, default_row,
    known_beginnings,
};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{AgentOptions, AttemptEnd, CauseKind, Effort};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn settings(toml_like: Value) -> BTreeMap<String, ProviderSettings> {
    serde_json::from_value(toml_like).unwrap()
}

/// `name kind address key`, one line per provider, in order; without the Ollama that is always last.
fn found(backend: &str, pairs: &[(&str, &str)], set: Value) -> String {
    let line = |provider: &ProviderConfig| {
        let key = if provider.key.is_some() { "key" } else { "no key" };
        format!("{} {} {} {key}", provider.name, provider.kind.name(), provider.endpoint())
    };
    match select(backend, &env(pairs), &settings(set)) {
        Ok(mut providers) => {
            if providers.len() > 1 {
                let last = providers.pop().map(|last| last.kind);
                assert_eq!(last, Some(ProviderKind::Ollama));
            }
            providers.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn the_environment_says_which_providers_there_are() {
    let none = || serde_json::json!({});
    let check = |backend: &str, pairs: &[(&str, &str)], expected: &str| {
        assert_eq!(found(backend, pairs, none()), expected, "{backend} {pairs:?}");
    };
    let anthropic = "anthropic anthropic https://api.anthropic.com/v1/ key";
    let openai = "openai openai https://api.openai.com/v1/ key\n\
                  openai-responses openai-responses https://api.openai.com/v1/ key";
    check("api", &[("ANTHROPIC_API_KEY", "k")], anthropic);
    check("api", &[("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")], &format!("{anthropic}\n{openai}"));
    check("openai", &[("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")], &{
        let (chat, responses) = openai.split_once('\n').unwrap();
        format!("{chat}\n{anthropic}\n{responses}")
    });
    check(
        "api",
        &[("GEMINI_API_KEY", "k")],
        "gemini gemini https://generativelanguage.googleapis.com/v1beta/ key",
    );
    check("api", &[("OPENROUTER_API_KEY", "k")], "openrouter openrouter https://openrouter.ai/api/v1/ key");
    check("api", &[("ANTHROPIC_API_KEY", " ")], "ollama ollama http://127.0.0.1:11434/v1/ no key");
    check("ollama", &[("OLLAMA_HOST", "0.0.0.0")], "ollama ollama http://127.0.0.1:11434/v1/ no key");
    check("ollama", &[("OLLAMA_HOST", "box:99")], "ollama ollama http://box:99/v1/ no key");
    check("anthropic", &[], "error: the provider `anthropic` has no key: `ANTHROPIC_API_KEY` is not set");
}

#[test]
fn base_urls_are_given_as_each_provider_has_it_and_loopback_needs_no_key() {
    let none = || serde_json::json!({});
    for (variable, base, endpoint) in [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:80", "http://127.0.0.1:80/v1/"),
        ("ANTHROPIC_BASE_URL", "http://localhost:80/proxy/", "http://localhost:80/proxy/v1/"),
        ("ANTHROPIC_BASE_URL", "http://[::1]:80/v1", "http://[::1]:80/v1/"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:80/v1", "http://127.0.0.1:80/v1/"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:80", "http://127.0.0.1:80/v1/"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:80/openai/", "http://127.0.0.1:80/openai/"),
        ("GEMINI_BASE_URL", "http://127.0.0.1:80/v1beta/", "http://127.0.0.1:80/v1beta/"),
        ("GEMINI_BASE_URL", "http://127.0.0.1:80", "http://127.0.0.1:80/v1beta/"),
    ] {
        let lines = found("api", &[(variable, base)], none());
        assert!(lines.lines().next().unwrap().ends_with(&format!(" {endpoint} no key")), "{base}: {lines}");
    }
    for elsewhere in ["http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1@evil.example"] {
        let lines = found("api", &[("ANTHROPIC_BASE_URL", elsewhere)], none());
        assert!(lines.starts_with("ollama"), "{elsewhere} is not this machine: {lines}");
    }
}

#[test]
fn settings_name_providers_and_a_key_goes_only_where_it_was_meant() {
    let set = serde_json::json!({
        "vllm": {"kind": "openai-compatible", "base_url": "http://gpu:8000/v1", "models": {"large": "qwen"}},
        "work": {"kind": "anthropic", "base_url": "https://proxy.example", "key_env": "WORK_KEY"},
        "trap": {"kind": "anthropic", "base_url": "https://evil.example"},
    });
    let env = [("ANTHROPIC_API_KEY", "k"), ("WORK_KEY", "w")];
    let lines = found("vllm", &env, set.clone());
    let expected = "vllm openai-compatible http://gpu:8000/v1/ no key\n\
                    anthropic anthropic https://api.anthropic.com/v1/ key\n\
                    trap anthropic https://evil.example/v1/ no key\n\
                    work anthropic https://proxy.example/v1/ key";
    assert_eq!(lines, expected);
    assert_eq!(
        found("work", &[], set.clone()),
        "error: the provider `work` has no key: `WORK_KEY` is not set"
    );
    let unknown = found("nobody", &env, set);
    assert!(
        unknown.starts_with("error: no backend is called `nobody`; there are api, anthropic"),
        "{unknown}"
    );
    assert!(unknown.ends_with("trap, vllm, work"), "{unknown}");
}

#[tokio::test]
async fn an_ollama_is_asked_for_its_models_and_its_absence_is_told_with_the_cure() {
    let tags = r#"{"models":[{"name":"qwen3:8b"},{"name":"llama4:latest"}]}"#;
    let server = Server::start([Reply::with(200, tags)]).await;
    let there = env(&[("OLLAMA_HOST", &server.address)]);
    let providers = find_providers("api", &there, &BTreeMap::new()).await.unwrap();
    assert_eq!(providers[0].models, ModelRow::all("qwen3:8b"));
    assert_eq!(server.requests()[0].path, "/api/tags");
    let both = env(&[("OLLAMA_HOST", &server.address), ("ANTHROPIC_API_KEY", "k")]);
    let providers = find_providers("api", &both, &BTreeMap::new()).await.unwrap();
    let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["anthropic", "ollama"], "`ollama/MODEL` can be named beside a key");
    assert_eq!(server.requests().len(), 1, "and costs no question");

    let gone = env(&[("OLLAMA_HOST", &Server::address_of_nobody().await)]);
    let error = find_providers("api", &gone, &BTreeMap::new()).await.unwrap_err();
    assert!(matches!(error, SelectError::Nothing { .. }), "{error}");
    assert!(error.fix_lines()[0].starts_with("export ANTHROPIC_API_KEY="), "{:?}", error.fix_lines());
    let error = find_providers("ollama", &gone, &BTreeMap::new()).await.unwrap_err();
    assert_eq!(error.fix_lines(), ["ollama serve"]);

    let empty = Server::start([Reply::with(200, r#"{"models":[]}"#)]).await;
    let error = find_providers("ollama", &env(&[("OLLAMA_HOST", &empty.address)]), &BTreeMap::new()).await;
    assert!(matches!(error, Err(SelectError::NoModels { .. })));
    let silent = Server::start([Reply::with(200, "").then_pause(60_000)]).await;
    let error = find_providers("ollama", &env(&[("OLLAMA_HOST", &silent.address)]), &BTreeMap::new()).await;
    assert!(matches!(error, Err(SelectError::NoOllama { .. })), "gives up soon");
}

fn table() -> ModelTable {
    let known = |name: &str, kind: ProviderKind| ProviderModels {
        name: name.to_owned(),
        kind,
        row: default_row(kind),
    };
    ModelTable {
        providers: vec![
            known("anthropic", ProviderKind::Anthropic),
            known("openai", ProviderKind::OpenAi),
            known("vllm", ProviderKind::OpenAiCompatible),
        ],
        aliases: [("opus".to_owned(), "openai/best".to_owned())].into(),
        default_model: None,
    }
}

#[test]
fn c28_words_become_models() {
    let cases: [(Option<&str>, usize, &str); 11] = [
        (None, 0, "claude-sonnet-5-5"),
        (Some("inherit"), 0, "claude-sonnet-5-5"),
        (Some(" haiku "), 0, "claude-haiku-5-5"),
        (Some("opus"), 1, "gpt-5.6-sol"),
        (Some("fable"), 0, "claude-fable-5-1"),
        (Some("best"), 0, "claude-fable-5-1"),
        (Some("claude-opus-4-8"), 0, "claude-opus-4-8"),
        (Some("openai/haiku"), 1, "gpt-5.6-luna"),
        (Some("openai/gpt-4.1"), 1, "gpt-4.1"),
        (Some("vllm/org/model"), 2, "org/model"),
        (Some("org/model"), 0, "org/model"),
    ];
    for (word, provider, model) in cases {
        let chosen = table().choose(word);
        assert_eq!(chosen, Ok(Chosen { provider, model: model.to_owned() }), "{word:?}");
    }
    let missing = table().choose(Some("gemini/gemini-pro"));
    assert!(
        matches!(&missing, Err(Unresolved::NoProvider { provider, .. }) if provider == "gemini"),
        "{missing:?}"
    );
    let no_row = table().choose(Some("vllm/opus"));
    assert!(matches!(&no_row, Err(Unresolved::NoRow { .. })), "{no_row:?}");
    assert!(no_row.unwrap_err().hint().contains("[providers.vllm.models]"));
    let with_default = ModelTable { default_model: Some("haiku".to_owned()), ..table() };
    assert_eq!(with_default.choose(None).unwrap().model, "claude-haiku-5-5");
    assert_eq!(with_default.choose(Some("sonnet")).unwrap().model, "claude-sonnet-5-5");
}

#[test]
fn c28_every_kind_with_a_row_knows_every_alias() {
    for kind in ProviderKind::ALL {
        let row = default_row(kind);
        let has_row = row != ModelRow::default();
        assert_eq!(
            has_row,
            !matches!(kind, ProviderKind::OpenAiCompatible | ProviderKind::Ollama),
            "{kind:?}"
        );
        let table = ModelTable {
            providers: vec![ProviderModels { name: "p".to_owned(), kind, row }],
            ..ModelTable::default()
        };
        for alias in ["haiku", "sonnet", "opus", "fable", "best"] {
            assert_eq!(table.choose(Some(alias)).is_ok(), has_row, "{kind:?} {alias}");
        }
    }
    let one = ModelTable {
        providers: vec![ProviderModels {
            name: "p".to_owned(),
            kind: ProviderKind::Ollama,
            row: ModelRow { small: Some("only".to_owned()), ..ModelRow::default() },
        }],
        ..ModelTable::default()
    };
    assert_eq!(one.choose(Some("opus")).unwrap().model, "only", "the only model serves every alias");
}

#[test]
fn c28_effort_is_clamped_to_what_the_model_has() {
    let cases = [
        ("claude-opus-5-5", Effort::Max, Some(Effort::Max), ""),
        ("anthropic/claude-opus-4.5", Effort::Max, Some(Effort::High), "became `high`"),
        ("claude-sonnet-4-6", Effort::Xhigh, Some(Effort::High), "became `high`"),
        ("claude-haiku-4-5", Effort::Low, None, "left out"),
        ("gpt-5.1-codex-max", Effort::Max, Some(Effort::Xhigh), "became `xhigh`"),
        ("openai/gpt-oss:20b", Effort::Medium, Some(Effort::Medium), ""),
        ("gemini-3.8-flash", Effort::Xhigh, Some(Effort::High), "became `high`"),
        ("claude-mythos-preview", Effort::Xhigh, Some(Effort::High), "became `high`"),
        ("claude-mythos-5-1", Effort::Xhigh, Some(Effort::Xhigh), ""),
        ("gpt-5-pro-2026-01-01", Effort::Low, Some(Effort::High), "has no less"),
        ("gpt-5.4-pro", Effort::Low, Some(Effort::Medium), "has no less"),
        ("gpt-5.1-chat-latest", Effort::Medium, None, "left out"),
        ("gpt-5.2", Effort::Max, Some(Effort::Xhigh), "became `xhigh`"),
        ("gpt-5.6-luna", Effort::Max, Some(Effort::Max), ""),
        ("gemini-3-pro-preview", Effort::Medium, Some(Effort::Low), "became `low`"),
        ("gemini-flash-lite-latest", Effort::Max, Some(Effort::High), "became `high`"),
        ("gemini-2.0-flash", Effort::Low, None, "left out"),
        ("mystery", Effort::High, None, "left out"),
    ];
    for (model, asked, expected, note) in cases {
        let (effort, told) = clamp_effort(model, asked);
        assert_eq!(effort, expected, "{model}");
        assert_eq!(told.is_some(), !note.is_empty(), "{model}");
        assert!(told.unwrap_or_default().contains(note), "{model}");
    }
}

#[test]
fn c29_max_tokens_are_clamped_to_what_the_model_gives() {
    let cases = [
        ("claude-opus-5-5", 128_000),
        ("claude-opus-4-20250514", 32_000),
        ("anthropic/claude-opus-4.8", 128_000),
        ("claude-haiku-4-5-20251001", 64_000),
        ("claude-3-5-haiku-latest", 8_192),
        ("claude-3-haiku-20240307", 4_096),
        ("gpt-4o-mini", 16_384),
        ("gpt-4.1", 32_768),
        ("gpt-5.2-chat-latest", 16_384),
        ("gpt-5.6-sol", 128_000),
        ("o3", 100_000),
        ("o1-mini", 65_536),
        ("gemini-2.0-flash", 8_192),
        ("gemini-3.8-flash", 65_536),
    ];
    for (model, most) in cases {
        assert_eq!(clamp_tokens(model, most), (most, None), "{model}");
        let (tokens, note) = clamp_tokens(model, most + 1);
        assert_eq!(tokens, most, "{model}");
        assert!(
            note.unwrap_or_default().contains(&format!("became {most}: `{model}` gives no more")),
            "{model}"
        );
    }
    assert_eq!(clamp_tokens("mystery", 1_000_000), (1_000_000, None));
}

#[tokio::test]
async fn c29_the_clamped_number_of_tokens_is_what_goes_out() {
    let kind = ProviderKind::Anthropic;
    let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
    let model = Some("claude-haiku-4-5".to_owned());
    let options = AgentOptions { model, max_tokens: Some(1_000_000), ..AgentOptions::default() };
    let report = run(&super::backend(kind, &server), &task(options)).await.report;
    assert_eq!(server.requests()[0].body["max_tokens"], 64_000);
    assert_eq!(report.notes, ["`maxTokens` 1000000 became 64000: `claude-haiku-4-5` gives no more"]);
}

#[test]
fn c28_the_models_of_every_default_row_are_known() {
    for kind in super::KINDS {
        let (row, known) = (default_row(kind), known_beginnings(kind));
        for model in [row.small, row.medium, row.large, row.best].into_iter().flatten() {
            let is_known = known.is_empty() || known.iter().any(|start| model.starts_with(start));
            assert!(is_known, "{kind:?} {model}");
        }
    }
}

#[tokio::test]
async fn c28_provider_slash_model_goes_to_that_provider() {
    let first = Server::start([]).await;
    let second = Server::start([Reply::stream(canned::text(ProviderKind::OpenAi, "ok"))]).await;
    let providers = vec![provider(ProviderKind::Anthropic, &first), provider(ProviderKind::OpenAi, &second)];
    let backend = ApiBackend::new("api", providers, quick(), Arc::new(AgentTypes::built_in()));
    let options = AgentOptions { model: Some("openai/gpt-4.1".to_owned()), ..AgentOptions::default() };
    let report = run(&backend, &task(options)).await.report;
    assert_eq!(report.model_asked.as_deref(), Some("gpt-4.1"));
    assert_eq!((first.requests().len(), second.requests().len()), (0, 1));

    let options = AgentOptions { model: Some("gemini/x".to_owned()), ..AgentOptions::default() };
    let report = run(&backend, &task(options)).await.report;
    assert!(matches!(&report.end, AttemptEnd::Unusable(cause) if cause.kind == CauseKind::UnknownModel));
}

#[tokio::test]
async fn c27_a_type_gives_system_text_model_and_effort_and_the_call_goes_before_it() {
    let root = tempfile::tempdir().unwrap();
    let agents = root.path().join(".baya/agents");
    std::fs::create_dir_all(&agents).unwrap();
    let text = "---\nname: judge\ndescription: d\nmodel: haiku\neffort: low\n---\nYou judge.";
    std::fs::write(agents.join("judge.md"), text).unwrap();
    let types = Arc::new(agent_types::find(root.path(), None, &[], &[]));
    let kind = ProviderKind::Anthropic;
    let own = AgentOptions { agent_type: Some("judge".to_owned()), ..AgentOptions::default() };
    let over = AgentOptions { model: Some("opus".to_owned()), effort: Some(Effort::Max), ..own.clone() };
    for (options, model, effort) in [(own, "claude-haiku-5-5", "low"), (over, "claude-opus-5-5", "max")] {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        let backend = ApiBackend::new("api", vec![provider(kind, &server)], quick(), types.clone());
        run(&backend, &task(options)).await;
        let body = server.requests()[0].body.clone();
        let system = body["system"].as_str().unwrap();
        assert!(
            system.starts_with("You judge.\n\n") && system.contains("nobody answers questions"),
            "{system}"
        );
        assert_eq!(
            (body["model"].as_str(), body["output_config"]["effort"].as_str()),
            (Some(model), Some(effort))
        );
    }
    let server = Server::start([]).await;
    let backend = ApiBackend::new("api", vec![provider(kind, &server)], quick(), types);
    let unknown = AgentOptions { agent_type: Some("Judge".to_owned()), ..options() };
    let report = run(&backend, &task(unknown)).await.report;
    let AttemptEnd::Failed(cause) = report.end else { panic!("{:?}", report.end) };
    assert!(cause.hint.unwrap().contains("`judge`"), "no fallback, and what there is is listed");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn c20_memory_files_stand_in_the_system_text_unless_they_are_off() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join(".git")).unwrap();
    std::fs::write(root.path().join("AGENTS.md"), "use tabs").unwrap();
    let kind = ProviderKind::Anthropic;
    for on in [true, false] {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        let settings = ApiSettings { memory_files: on, ..quick() };
        let backend =
            ApiBackend::new("api", vec![provider(kind, &server)], settings, Arc::new(AgentTypes::built_in()));
        let folder = root.path().to_owned();
        let attempt = Attempt {
            cancel: CancellationToken::new(),
            folder,
            signals: Arc::new(|_| {}),
            gate: Arc::new(OpenGate),
            purse: SharedPurse::default(),
        };
        backend.run(&task(options()), &attempt).await;
        let body = server.requests()[0].body.clone();
        assert_eq!(body["system"].as_str().unwrap().contains("use tabs"), on);
        assert_eq!(body["messages"].as_array().unwrap().len(), 1, "the prompt stands alone");
    }
}

#[tokio::test]
async fn extra_headers_go_out_and_a_key_is_not_needed_on_loopback() {
    let kind = ProviderKind::OpenAiCompatible;
    let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
    let headers = vec![("x-team".to_owned(), "weavers".to_owned())];
    let config = ProviderConfig { key: None, headers, ..provider(kind, &server) };
    let backend = ApiBackend::new("vllm", vec![config], quick(), Arc::new(AgentTypes::built_in()));
    assert_eq!(backend.name(), "vllm");
    let report = run(&backend, &task(options())).await.report;
    assert!(matches!(report.end, AttemptEnd::Answered(_)), "{:?}", report.end);
    assert!(server.requests()[0].head.contains("x-team: weavers"));
}

#[test]
fn a_key_is_never_shown() {
    let config =
        ProviderConfig { key: Some(Secret::new("hush")), ..ProviderConfig::new(ProviderKind::OpenAi) };
    assert!(!format!("{config:?}").contains("hush"));
}
