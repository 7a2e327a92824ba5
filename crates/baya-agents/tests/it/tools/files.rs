//! `read` and `write`: ordinary files, and everything that only looks like one.

use super::{Place, link};
use baya_agents::sandbox::Profile;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn a_file_is_read_a_part_at_a_time() {
    let place = Place::new();
    place.put("three", "one\ntwo\nthree");
    place.put("empty", "");
    place.put("crlf", "\u{feff}one\r\ntwo\r\n");
    place.put("latin", b"caf\xe9\n");
    place.put("long", "x".repeat(2_100) + "\nnext\n");
    place.put("many", "line\n".repeat(2_500));
    place.put("wide", ("y".repeat(999) + "\n").repeat(100));
    let numbered = "    1\tone\n    2\ttwo\n    3\tthree";
    for (input, expected) in [
        (json!({"path": "three"}), numbered),
        (json!({"path": place.path("three")}), numbered),
        (
            json!({"path": "three", "offset": 2, "limit": 1}),
            "    2\ttwo\n(lines 2–2; the file goes on, read with offset 3)",
        ),
        (json!({"path": "three", "offset": 3}), "    3\tthree"),
        (json!({"path": "three", "offset": 4}), "! `three` has only 3 lines"),
        (json!({"path": "empty"}), "(the file is empty)"),
        (json!({"path": "crlf"}), "    1\tone\n    2\ttwo\n(lines end in CRLF)"),
        (json!({"path": "latin"}), "    1\tcaf\u{fffd}\n(not all of it is UTF-8)"),
        (json!({"path": "long"}), "    1\txxx…xxx… (100 bytes more)\n    2\tnext"),
        (
            json!({"path": "many"}),
            "    1\tline\n… 2000\tline\n(lines 1–2000; the file goes on, read with offset 2001)",
        ),
        (json!({"path": "wide"}), "    1\ty…y\n(lines 1–50; the file goes on, read with offset 51)"),
        (json!({"path": 7}), "! the input is not usable: …"),
    ] {
        place.check("read", input, expected).await;
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused_with_its_kind() {
    let place = Place::new();
    place.put("image", b"\x89PNG\r\n\x1a\n0000");
    place.put("binary", b"a\0b");
    place.put("wide", b"\xff\xfea\0b\0");
    File::create(place.path("sparse")).unwrap().set_len(200 * 1024 * 1024).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, place.path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    for (path, expected) in [
        ("image", "! `image` is a PNG image (12 bytes), no text to read"),
        ("binary", "! `binary` is binary (3 bytes), no text to read"),
        ("wide", "! `wide` is UTF-16 text (6 bytes), no text to read"),
        ("sparse", "! `sparse` is binary (209715200 bytes), no text to read"),
        ("pipe", "! `pipe` cannot be read: it is a pipe"),
        ("/dev/zero", "! …"),
        ("/proc/self/environ", "! …"),
    ] {
        place.check("read", json!({"path": path}), expected).await;
    }
}

#[tokio::test]
async fn a_huge_file_is_read_without_holding_it() {
    let place = Place::new();
    let mut file = File::create(place.path("huge")).unwrap();
    // Text to look at, then one line of 200 MB.
    file.write_all(&b"x".repeat(10_000)).unwrap();
    file.set_len(200 * 1024 * 1024).unwrap();
    place.check("read", json!({"path": "huge"}), "    1\txxx…x… (209713200 bytes more)").await;
}

#[tokio::test]
async fn folders_are_listed_and_near_names_are_told() {
    let place = Place::new();
    place.put("src/main.rs", "");
    place.put("src/two\nlines", "");
    place.put("deep/down/config.toml", "");
    place.put("hidden/key", "");
    link("main.rs", place.path("src/link"));
    std::fs::create_dir(place.path("none")).unwrap();
    for (path, expected) in [
        (".", "deep/\nnone/\nsrc/"),
        ("src", "\"two\\nlines\"\nlink@\nmain.rs"),
        ("none", "(the folder is empty)"),
        ("src/two\nlines", "(the file is empty)"),
        ("src/mian.rs", "! there is no file `src/mian.rs`\nhint: there is `src/main.rs`"),
        ("config.toml", "! there is no file `config.toml`\nhint: there is `deep/down/config.toml`"),
        ("zzz", "! there is no file `zzz`"),
        ("hidden/kee", "! there is no file `hidden/kee`"),
    ] {
        place.check("read", json!({"path": path}), expected).await;
    }
}

#[tokio::test]
async fn a_file_is_overwritten_only_as_it_was_read() {
    let place = Place::new();
    place.put("old", "before\n");
    let write = |path: &str, content: &str| json!({"path": path, "content": content});
    place.check("write", write("a/b/new", "one\ntwo"), "created `a/b/new`: 2 lines, 7 bytes").await;
    place.check("write", write("a/b/new", ""), "replaced `a/b/new`: 0 lines, 0 bytes").await;
    place.check("write", write("old", "x"), "! `old` exists and was not read yet\nhint: read it first").await;
    place.check("read", json!({"path": "old"}), "    1\tbefore").await;
    place.put("old", "by others\n");
    let changed = "! `old` changed since you read it; nothing was written\nhint: read it again";
    place.check("write", write("old", "x"), changed).await;
    assert_eq!(place.text("old"), "by others\n");
    place.check("read", json!({"path": "old"}), "    1\tby others").await;
    // The same content at another time is the same file.
    place.put("old", "by others\n");
    std::fs::set_permissions(place.path("old"), PermissionsExt::from_mode(0o751)).unwrap();
    place.check("write", write("old", "ours"), "replaced `old`: 1 lines, 4 bytes").await;
    assert_eq!(place.text("old"), "ours");
    let mode = std::fs::metadata(place.path("old")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o751, "the mode stays");
    assert_eq!(std::fs::read_dir(place.path("a/b")).unwrap().count(), 1, "nothing temporary is left");
}

#[tokio::test]
async fn what_was_read_is_known_to_an_agent_that_is_taken_up_again() {
    let place = Place::new();
    place.put("file", "text\n");
    place.check("read", json!({"path": "file"}), "    1\ttext").await;
    let stored = serde_json::to_string(&place.room.memory.remembered()).unwrap();
    let mut again = Place { top: place.top, room: place.room.clone() };
    again.room.memory = baya_agents::tools::memory::Memory::new(serde_json::from_str(&stored).unwrap());
    again.check("write", json!({"path": "file", "content": "x"}), "replaced `file`: 1 lines, 1 bytes").await;
}

#[tokio::test]
async fn links_lead_nowhere_that_the_policy_closes() {
    let place = Place::new();
    std::fs::write(place.outside("outside/file"), "theirs\n").unwrap();
    std::fs::write(place.outside("secret/key"), "key\n").unwrap();
    place.put("inside", "ours\n");
    link(place.outside("outside/file"), place.path("link"));
    link(place.outside("outside"), place.path("folder"));
    link(place.outside("outside/new"), place.path("dangling"));
    link(place.outside("secret/key"), place.path("key"));
    link("inside", place.path("near"));
    link("loop", place.path("loop"));
    for path in ["link", "folder/file", "key", "../secret/key", "loop", "folder/../secret/key"] {
        place.check("read", json!({"path": path}), "! …").await;
    }
    place.check("read", json!({"path": "near"}), "    1\tours").await;
    for path in ["link", "folder/file", "folder/new", "dangling", "../outside/new", "/new", "loop", ".", ""] {
        place.check("write", json!({"path": path, "content": "x"}), "! …").await;
        place.check("edit", json!({"path": path, "old": "theirs", "new": "x"}), "! …").await;
    }
    // A link to a file of its own is followed and stays.
    place
        .check("write", json!({"path": "near", "content": "new"}), "replaced `near`: 1 lines, 3 bytes")
        .await;
    assert_eq!(place.text("inside"), "new");
    assert!(place.path("near").is_symlink());
    assert_eq!(std::fs::read_to_string(place.outside("outside/file")).unwrap(), "theirs\n");
    assert_eq!(std::fs::read_dir(place.outside("outside")).unwrap().count(), 1);
}

#[tokio::test]
async fn an_agent_that_only_reads_writes_nothing() {
    let place = Place::with(Profile::ReadOnly);
    place.put("file", "text\n");
    place.check("read", json!({"path": "file"}), "    1\ttext").await;
    place.check("write", json!({"path": "file", "content": "x"}), "! …").await;
    place.check("edit", json!({"path": "file", "old": "text", "new": "x"}), "! …").await;
    assert_eq!(place.text("file"), "text\n");
}

#[tokio::test]
async fn a_list_of_things_to_do_is_kept() {
    let place = Place::new();
    let item = |text: &str, status: &str| json!({"text": text, "status": status});
    let items = [item("one", "done"), item("two", "doing"), item("three", "open")];
    place.check("todo", json!({"items": items}), "[x] one\n[~] two\n[ ] three").await;
    assert_eq!(place.room.memory.remembered().todos.len(), 3);
    place
        .check("todo", json!({"items": [{"text": "one", "status": "maybe"}]}), "! the input is not usable: …")
        .await;
    assert_eq!(place.room.memory.remembered().todos.len(), 3);
    place.check("todo", json!({"items": []}), "the list is empty").await;
}
