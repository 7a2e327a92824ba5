//! Servers at work: which tools come of them, and what becomes of those that misbehave.

use baya_agents::agent_types::AgentType;
use baya_agents::mcp::config::Door;
use baya_agents::mcp::{Nest, Plan, Remote, Servers, end_left};
use baya_agents::sandbox::{Profile, Sandbox};
use baya_agents::tools::set::Wanted;
use baya_agents::tools::{Tool, ToolOutput, ToolRoom};
use baya_core::ids::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A folder in which stand-in servers work, under a real sandbox.
struct Hall {
    root: TempDir,
    servers: Servers,
}

impl Hall {
    /// Servers by name, each with the words of the stand-in.
    fn of(plans: &[(&str, &str)]) -> Hall {
        Hall::with(plans.iter().map(|(name, words)| (*name, *words, None)).collect())
    }

    fn with(plans: Vec<(&str, &str, Option<&str>)>) -> Hall {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().canonicalize().unwrap().join(name);
        for folder in ["work", "temporary", "notes"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        std::fs::write(path("secret"), "secret").unwrap();
        std::fs::write(path("server.py"), include_str!("server.py")).unwrap();
        let plan = |(name, words, of_type): (&str, &str, Option<&str>)| {
            let log = path("work").join(format!("{name}.log"));
            let fixed =
                ["python3".to_owned(), path("server.py").display().to_string(), log.display().to_string()];
            let argv = fixed.into_iter().chain(words.split_whitespace().map(str::to_owned)).collect();
            let environment = BTreeMap::from([("GIVEN".to_owned(), "gold".to_owned())]);
            let timeout_ms = Some(if words.contains("silent") { 300 } else { 20_000 });
            let of_type = of_type.map(str::to_owned);
            Plan { name: name.to_owned(), door: Ok(Door::Program { argv, environment }), timeout_ms, of_type }
        };
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
        let mut sandbox = Sandbox::new(Profile::Workspace, &path("work"), &path("temporary"));
        sandbox.applier = vec![env!("CARGO_BIN_EXE_sandbox").to_owned(), "__sandbox".to_owned()];
        sandbox.readable.push(path("server.py"));
        let nest = Nest { folder: path("work"), sandbox, environment, notes: path("notes"), pass: None };
        let servers =
            Servers::new(plans.into_iter().map(plan).collect(), Arc::new(move |_| Ok(nest.clone())));
        Hall { root, servers }
    }

    async fn tools(&self, agent_type: Option<&AgentType>, wanted: &Wanted<'_>) -> Remote {
        self.servers.tools(agent_type, wanted, &RunId::from_random(7), &|_| ()).await
    }

    async fn all(&self) -> Remote {
        self.tools(None, &Wanted::default()).await
    }

    fn room(&self) -> ToolRoom {
        let sandbox = Sandbox::new(
            Profile::Workspace,
            &self.root.path().join("work"),
            &self.root.path().join("temporary"),
        );
        let kept = self.root.path().join("work/kept");
        std::fs::create_dir_all(&kept).unwrap();
        ToolRoom::new(sandbox, kept, "m/1".to_owned(), CancellationToken::new())
    }

    fn log(&self, server: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.root.path().join(format!("work/{server}.log")));
        text.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The processes of a server, in the order they were started.
    fn pids(&self, server: &str) -> Vec<u32> {
        self.log(server).iter().filter_map(|line| line.strip_prefix("start ")?.parse().ok()).collect()
    }

    fn notes(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.root.path().join("notes"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }
}

fn names(remote: &Remote) -> Vec<&str> {
    remote.tools.iter().map(|tool| tool.name()).collect()
}

fn find<'r>(remote: &'r Remote, name: &str) -> &'r Arc<dyn Tool> {
    remote.tools.iter().find(|tool| tool.name() == name).unwrap_or_else(|| panic!("{:?}", names(remote)))
}

async fn call(hall: &Hall, remote: &Remote, name: &str, input: Value) -> ToolOutput {
    find(remote, name).call(input, &hall.room()).await
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test]
async fn a_server_is_started_once_shared_and_ended_with_the_run() {
    let hall = Hall::of(&[("docs", "noisy stays peeks")]);
    let (one, two) = tokio::join!(hall.all(), hall.all());
    assert_eq!(one.notes, Vec::<String>::new());
    assert_eq!(names(&one), names(&two));
    assert_eq!(find(&one, "mcp__docs__look").input_schema()["properties"]["text"]["type"], "string");
    let reads: Vec<&str> =
        one.tools.iter().filter(|tool| tool.only_reads()).map(|tool| tool.name()).collect();
    assert_eq!(reads, ["mcp__docs__look"]);
    assert!(one.tools.iter().all(|tool| tool.is_untrusted()));
    let output = call(&hall, &one, "mcp__docs__change", json!({"text": "it"})).await;
    assert_eq!(output, ToolOutput::of("change: it of gold"));
    assert_eq!(hall.log("docs")[1..], ["saw nothing", "call change it"]);
    let pids = hall.pids("docs");
    assert!(pids.len() == 1 && runs(pids[0]) && hall.notes().len() == 1, "{pids:?}");
    assert_eq!(hall.servers.end().await, Vec::<String>::new());
    assert!(!runs(pids[0]) && hall.notes().is_empty(), "TERM alone would not have ended it");
    let after = hall.all().await;
    assert!(after.tools.is_empty(), "nothing starts after the end");
}

#[tokio::test]
async fn what_a_tool_gives_is_a_text() {
    let hall = Hall::of(&[("s", "")]);
    let remote = hall.all().await;
    let fail = call(&hall, &remote, "mcp__s__fail", json!({})).await;
    assert_eq!(fail, ToolOutput::error("it went wrong"));
    let show = call(&hall, &remote, "mcp__s__show", json!({})).await;
    assert_eq!(show.text, "see\n(an image, image/png, 300 bytes: not shown)");
    let long = call(&hall, &remote, "mcp__s__long_text", json!({})).await.text;
    assert!(
        long.len() < 40_000 && long.starts_with("start ") && long.contains(" bytes cut) …"),
        "{}",
        long.len()
    );
    let kept = long.rsplit('`').nth(1).unwrap();
    assert!(std::fs::read_to_string(kept).unwrap().ends_with(" end"));
}

#[tokio::test]
async fn one_that_hangs_or_dies_at_its_start_costs_its_tools_and_a_note() {
    let hall = Hall::of(&[("good", ""), ("grave", "dies"), ("quiet", "silent stays")]);
    for _ in 0..2 {
        let remote = hall.all().await;
        assert_eq!(names(&remote).len(), 6);
        let [grave, quiet] = remote.notes.as_slice() else { panic!("{:?}", remote.notes) };
        assert!(
            grave.starts_with("the server `grave` gives no tools:")
                && grave.contains("it said: cannot find my keys")
        );
        assert!(quiet.contains("`quiet` gives no tools: no answer within 300 ms"), "{quiet}");
    }
    let pids = [hall.pids("grave"), hall.pids("quiet")].concat();
    assert_eq!(pids.len(), 2, "neither is tried again for every agent");
    assert!(!pids.iter().any(|pid| runs(*pid)));
}

#[tokio::test]
async fn one_that_dies_at_work_is_told_of_and_started_again_for_the_next_agent() {
    let hall = Hall::of(&[("s", "")]);
    let first = hall.all().await;
    let output = call(&hall, &first, "mcp__s__stop", json!({})).await;
    assert!(output.is_error && output.text.contains("it said: no more of this"), "{output:?}");
    let output = call(&hall, &first, "mcp__s__look", json!({})).await;
    assert!(
        output.is_error && output.text.contains("the server `s` gave no answer: it has died"),
        "{output:?}"
    );
    let second = hall.all().await;
    assert_eq!(call(&hall, &second, "mcp__s__look", json!({"text": "1"})).await.text, "look: 1 of gold");
    for _ in 0..3 {
        let remote = hall.all().await;
        call(&hall, &remote, "mcp__s__stop", json!({})).await;
    }
    assert_eq!(hall.pids("s").len(), 3, "not for ever");
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_the_agent() {
    let hall = Hall::of(&[("s", "")]);
    let remote = hall.all().await;
    let room = hall.room();
    let tool = find(&remote, "mcp__s__change");
    let work = tool.call(json!({"text": "hang"}), &room);
    let stop = async {
        let since = Instant::now();
        while !hall.log("s").contains(&"call change hang".to_owned()) {
            assert!(since.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        room.cancel.cancel();
    };
    let (output, ()) = tokio::join!(work, stop);
    assert!(output.is_error && output.text.contains("the agent was stopped"), "{output:?}");
}

#[tokio::test]
async fn names_are_what_providers_take_and_clashes_are_told() {
    let hall = Hall::of(&[("my.server", ""), ("my_server", ""), ("odd", "odd")]);
    let remote = hall.all().await;
    let clashes =
        remote.notes.iter().filter(|note| note.starts_with("two tools of servers are called")).count();
    assert_eq!(clashes, 7, "{:?}", remote.notes);
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    for name in names(&remote) {
        assert!(name.len() <= 64 && name.chars().all(usual), "{name}");
    }
    let long = names(&remote).into_iter().filter(|name| name.starts_with("mcp__odd__xxx")).count();
    assert_eq!(long, 2, "long names stay apart");
    assert!(remote.notes.iter().any(|note| note.contains("`mcp__odd__wrong_schema` is not checked")));
    assert!(find(&remote, "mcp__odd__long").description().len() < 2_100);
}

#[tokio::test]
async fn many_tools_are_cut_off_with_a_note() {
    let hall = Hall::of(&[("s", "many")]);
    let remote = hall.all().await;
    assert_eq!(remote.tools.len(), 64);
    assert!(remote.notes[0].starts_with("16 tools of servers were left out"), "{:?}", remote.notes);
    let some = ["mcp__s__tool-7*".to_owned()];
    let wanted = Wanted { allow: vec![&some], ..Wanted::default() };
    assert_eq!(hall.tools(None, &wanted).await.tools.len(), 11);
}

#[tokio::test]
async fn only_servers_that_an_agent_may_use_are_started() {
    let hall = Hall::with(vec![("a", "", None), ("b", "", None), ("own", "", Some("scribe"))]);
    let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<String>>();
    let no_agent = list(&["Read", "mcp__c", "Bash(git:*)"]);
    let none = Wanted { allow: vec![&no_agent], ..Wanted::default() };
    assert!(hall.tools(None, &none).await.tools.is_empty() && hall.log("a").is_empty());
    let (allow, deny) = (list(&["mcp__a", "mcp__b__*"]), list(&["mcp__b", "mcp__a__fail", "mcp__a__s*"]));
    let wanted = Wanted { allow: vec![&allow], deny: vec![&deny], read_only: false };
    let remote = hall.tools(None, &wanted).await;
    assert_eq!(names(&remote), ["mcp__a__look", "mcp__a__change", "mcp__a__long_text"]);
    assert!(hall.log("b").is_empty() && hall.log("own").is_empty());
    let only_reads = Wanted { read_only: true, ..Wanted::default() };
    let scribe = AgentType {
        name: "scribe".to_owned(),
        mcp_servers: Some(json!(["b", {"own": {"command": "x"}}])),
        ..AgentType::default()
    };
    let remote = hall.tools(Some(&scribe), &only_reads).await;
    assert_eq!(names(&remote), ["mcp__b__look", "mcp__own__look"]);
    hall.servers.end().await;
}

#[tokio::test]
async fn what_a_killed_process_of_ours_left_is_ended_by_the_next() {
    let hall = Hall::of(&[("s", "stays")]);
    hall.all().await;
    let pid = hall.pids("s")[0];
    let notes = hall.root.path().join("notes");
    tokio::task::spawn_blocking(move || end_left(&notes)).await.unwrap();
    assert!(!runs(pid) && hall.notes().is_empty());
}
