//! `glob` and `grep`.

use super::{CancellationToken, Place, ToolRoom, link};
use serde_json::json;
use std::fs::File;
use std::time::{Duration, SystemTime};

fn tree() -> Place {
    let place = Place::new();
    for (age, (name, content)) in [
        ("src/lib.rs", "fn one() {}\nfn two() {}\n"),
        ("src/deep/mod.rs", "use one;\n"),
        ("README.md", "One\n"),
        (".github/work.yml", "one: 1\n"),
        ("built/out.rs", "fn one() {}\n"),
        (".git/config.rs", "one\n"),
        ("hidden/key.rs", "one\n"),
        ("two\nlines.rs", "nothing\n"),
        (".gitignore", "/built\n"),
    ]
    .into_iter()
    .enumerate()
    {
        place.put(name, content);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age as u64);
        File::options().write(true).open(place.path(name)).unwrap().set_modified(modified).unwrap();
    }
    place.put("binary.rs", b"one\0one\n");
    std::fs::write(place.outside("outside/far.rs"), "one\n").unwrap();
    link(place.outside("outside"), place.path("linked"));
    link(place.outside("outside/far.rs"), place.path("far.rs"));
    place
}

#[tokio::test]
async fn files_are_found_by_pattern_newest_first() {
    let place = tree();
    for (input, expected) in [
        (json!({"pattern": "*.rs"}), "binary.rs\nsrc/lib.rs\nsrc/deep/mod.rs\n\"two\\nlines.rs\""),
        (json!({"pattern": "src/*.rs"}), "src/lib.rs"),
        (json!({"pattern": "./src/**/*.rs"}), "src/lib.rs\nsrc/deep/mod.rs"),
        (json!({"pattern": "*.{md,yml}"}), "README.md\n.github/work.yml"),
        (json!({"pattern": "*.rs", "path": "src/deep"}), "src/deep/mod.rs"),
        (json!({"pattern": place.path("src/*.rs")}), "src/lib.rs"),
        (json!({"pattern": "*.py"}), "no files"),
        (json!({"pattern": "a[", "path": "."}), "! the pattern `a[` is not usable: …"),
        (json!({"pattern": "*", "path": "README.md"}), "! `README.md` is no folder"),
        (json!({"pattern": "*", "path": "hidden"}), "! …"),
        (json!({"pattern": "*", "path": "../secret"}), "! …"),
    ] {
        place.check("glob", input, expected).await;
    }
    for number in 0..230 {
        place.put(&format!("many/{number}"), "");
    }
    place.check("glob", json!({"pattern": "many/*"}), "many/…\n(30 more files)").await;
}

#[tokio::test]
async fn lines_are_found_by_expression() {
    let place = tree();
    for (input, expected) in [
        (
            json!({"pattern": "one"}),
            ".github/work.yml\n1:one: 1\nsrc/deep/mod.rs\n1:use one;\nsrc/lib.rs\n1:fn one() {}",
        ),
        (json!({"pattern": "(?i)ONE", "glob": "*.md"}), "README.md\n1:One"),
        (json!({"pattern": "one", "mode": "files"}), ".github/work.yml\nsrc/deep/mod.rs\nsrc/lib.rs"),
        (json!({"pattern": "fn", "mode": "count"}), "src/lib.rs: 2"),
        (json!({"pattern": "two", "context": 1}), "src/lib.rs\n1-fn one() {}\n2:fn two() {}"),
        (json!({"pattern": "two", "path": "src/lib.rs"}), "src/lib.rs\n2:fn two() {}"),
        (json!({"pattern": "one", "path": "src", "glob": "deep/**"}), "src/deep/mod.rs\n1:use one;"),
        (json!({"pattern": "absent"}), "no matches"),
        (json!({"pattern": "fn one(", "path": "src"}), "! the pattern `fn one(` is not usable: …"),
        (json!({"pattern": "x{1000}{1000}{1000}"}), "! the pattern `x{1000}{1000}{1000}` is not usable: …"),
        (json!({"pattern": "one", "path": "../secret"}), "! …"),
    ] {
        place.check("grep", input, expected).await;
    }
}

#[tokio::test]
async fn answers_are_cut() {
    let place = Place::new();
    place.put("many", "match\n".repeat(400));
    let cut = "many\n1:match\n…\n249:match\n(cut after 250 lines; narrow the search, or use mode `files`)";
    place.check("grep", json!({"pattern": "match"}), cut).await;
    place.check("grep", json!({"pattern": "match", "mode": "count"}), "many: 400").await;
    place.put("many", "é".repeat(5_000) + "match\r\n");
    let output = place.call("grep", json!({"pattern": "match"})).await;
    assert_eq!(output.text, format!("many\n1:{}…", "é".repeat(400)));
    place.put("many", ("é".repeat(5_000) + "match\n").repeat(100));
    let output = place.call("grep", json!({"pattern": "match"})).await;
    assert!(output.text.len() < 32_000, "{} bytes", output.text.len());
    // 200 MB that are no text cost nothing.
    File::create(place.path("sparse")).unwrap().set_len(200 * 1024 * 1024).unwrap();
    place.put("many", "");
    place.check("grep", json!({"pattern": "match"}), "no matches").await;
    place.room.cancel.cancel();
    place.check("grep", json!({"pattern": "match"}), "! the agent was stopped").await;
    place.check("glob", json!({"pattern": "*"}), "! the agent was stopped").await;
}

#[tokio::test]
async fn in_quarantine_a_search_passes_secrets_over() {
    let place = Place::new();
    place.put("a.txt", "the word is heron\n");
    place.put(".env", "WORD=heron\n");
    place.put("deep/key.pem", "heron\n");
    let sandbox = (*place.room.sandbox).clone().quarantined();
    let kept = place.room.kept.clone();
    let room = ToolRoom::new(sandbox, kept, place.room.mark.clone(), CancellationToken::new());
    let place = Place { room, ..place };
    place.check("grep", json!({"pattern": "heron"}), "a.txt\n1:the word is heron").await;
    place.check("glob", json!({"pattern": "**/*"}), "a.txt").await;
    place.check("read", json!({"path": ".env"}), "! `TOP/work/.env` may not be read…").await;
}
