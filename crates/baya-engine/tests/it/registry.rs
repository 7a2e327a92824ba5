//! Saved workflows: found by name, nearest first, and nothing of them is lost in silence (C80).

use baya_engine::registry::{
    BuiltIn, LookupError, MetaLine, Origin, Places, Registry, Standing, plugin_folders, repository_root,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

struct World {
    _folder: TempDir,
    root: PathBuf,
}

const TOUR: BuiltIn = BuiltIn { file: "tour.js", text: "tour: all there is" };

/// The stand-in for the front end: `name: description`, everything else is broken.
fn read_meta(_file: &str, text: &str) -> Result<MetaLine, String> {
    match text.split_once(": ") {
        Some((name, description)) => {
            Ok(MetaLine { name: name.to_owned(), description: description.to_owned(), when_to_use: None })
        }
        None => Err("`meta` is not a literal".to_owned()),
    }
}

impl World {
    fn new(files: &[(&str, &str)]) -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let world = World { root, _folder: folder };
        fs::create_dir_all(world.path("repo/.git")).unwrap();
        fs::create_dir_all(world.path("repo/a/b")).unwrap();
        files.iter().for_each(|(path, text)| world.write(path, text));
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn places(&self, working: &str) -> Places {
        Places {
            repository: repository_root(&self.path(working)),
            working: self.path(working),
            home: Some(self.path("home")),
            data: Some(self.path("data")),
            plugins: plugin_folders(&self.path("home/.claude/plugins")),
            built_in: vec![TOUR],
        }
    }

    fn registry(&self, working: &str) -> Registry {
        Registry::read(&self.places(working), &read_meta)
    }

    /// Which file runs under the name, from the root of the world.
    fn found(&self, working: &str, name: &str) -> String {
        let registry = self.registry(working);
        let location = registry.find(name).unwrap().location.to_string();
        location.strip_prefix(self.root.to_str().unwrap()).unwrap_or(&location).to_owned()
    }
}

#[test]
fn c80_the_nearest_file_with_a_name_runs() {
    let files = [
        ("repo/a/b/.baya/workflows/x.js", "rank: b baya"),
        ("repo/a/b/.claude/workflows/x.js", "rank: b claude"),
        ("repo/a/.baya/workflows/y.mjs", "rank: a baya"),
        ("repo/.claude/workflows/z.ts", "rank: root"),
        ("home/.claude/workflows/h.mts", "rank: user"),
        ("data/baya/workflows/d.js", "rank: data"),
        (".claude/workflows/above.js", "rank: above the repository"),
    ];
    let world = World::new(&files);
    let expected: Vec<String> = files[..6].iter().map(|(path, _)| format!("/{path}")).collect();
    for path in &expected {
        assert_eq!(world.found("repo/a/b", "rank"), *path);
        let registry = world.registry("repo/a/b");
        let shadowed = registry.workflows.iter().filter(|w| matches!(w.standing, Standing::Shadowed { .. }));
        assert_eq!(shadowed.count(), registry.workflows.len() - 2, "all but the first and the built-in one");
        fs::remove_file(world.root.join(&path[1..])).unwrap();
    }
    assert!(matches!(world.registry("repo/a/b").find("rank"), Err(LookupError::Unknown { .. })));
}

#[test]
fn c80_outside_a_repository_the_working_folder_alone_counts() {
    let world = World::new(&[
        ("plain/.baya/workflows/x.js", "above: no"),
        ("plain/inner/.baya/workflows/x.js", "here: yes"),
    ]);
    let registry = world.registry("plain/inner");
    assert_eq!(registry.names(), ["here", "tour"]);
}

#[test]
fn c80_plugins_have_their_name_before_it_and_what_is_built_in_comes_last() {
    let world = World::new(&[
        ("home/.claude/plugins/zoo/workflows/x.js", "rank: of zoo"),
        ("home/.claude/plugins/ark/workflows/x.js", "rank: of ark"),
        ("home/.claude/plugins/ark/README.md", "nothing"),
        ("home/.claude/plugins/file", "no plugin"),
        ("repo/.baya/workflows/t.js", "tour: our own"),
    ]);
    let registry = world.registry("repo");
    let shown: Vec<_> = registry.workflows.iter().map(|w| (w.name.as_str(), &w.origin)).collect();
    let plugin = |name: &str| Origin::Plugin(name.to_owned());
    assert_eq!(
        shown,
        [
            ("tour", &Origin::Project),
            ("ark:rank", &plugin("ark")),
            ("zoo:rank", &plugin("zoo")),
            ("tour", &Origin::BuiltIn)
        ]
    );
    assert!(matches!(registry.find("rank"), Err(LookupError::Unknown { .. })));
    assert_eq!(registry.find("zoo:rank").unwrap().meta.description, "of zoo");
    assert_eq!(registry.find("tour").unwrap().meta.description, "our own");
}

#[test]
fn c80_two_files_of_one_folder_with_one_name_do_not_run() {
    let world = World::new(&[
        ("repo/.baya/workflows/one.js", "rank: 1"),
        ("repo/.baya/workflows/two.js", "rank: 2"),
        ("home/.claude/workflows/far.js", "rank: 3"),
    ]);
    let registry = world.registry("repo");
    let (one, two) = (world.path("repo/.baya/workflows/one.js"), world.path("repo/.baya/workflows/two.js"));
    let error = registry.find("rank").unwrap_err().to_string();
    assert_eq!(
        error,
        format!("several files have the name `rank`: `{}` and `{}`", one.display(), two.display())
    );
    let standings: Vec<_> = registry.workflows.iter().map(|w| &w.standing).collect();
    assert!(matches!(
        standings[..],
        [Standing::Conflict { .. }, Standing::Conflict { .. }, Standing::Shadowed { .. }, Standing::Usable]
    ));
    assert_eq!(registry.names(), ["tour"]);
}

#[test]
fn c80_a_file_without_literal_meta_is_listed_with_the_reason_and_does_not_run() {
    let world = World::new(&[
        ("repo/.claude/workflows/odd.js", "no literal"),
        ("repo/.claude/workflows/rank.js", "rank: fine"),
        ("repo/.claude/workflows/notes.md", "no script"),
    ]);
    world.write("repo/.claude/workflows/big.js", &"x".repeat(600_000));
    let registry = world.registry("repo");
    assert_eq!(registry.names(), ["rank", "tour"]);
    let broken: Vec<_> =
        registry.broken.iter().map(|b| (b.path.file_name().unwrap().to_str().unwrap(), &b.reason)).collect();
    assert_eq!(broken.len(), 2);
    assert_eq!((broken[0].0, broken[1].0), ("big.js", "odd.js"));
    assert!(broken[0].1.contains("524288 bytes"), "{}", broken[0].1);
    let error = registry.find("odd").unwrap_err().to_string();
    let path = world.path("repo/.claude/workflows/odd.js");
    assert_eq!(error, format!("`odd` is `{}`, which cannot run: `meta` is not a literal", path.display()));
}

#[test]
fn c80_an_unknown_name_is_told_with_near_ones_and_all() {
    let world = World::new(&[
        ("repo/.baya/workflows/a.js", "review-code: x"),
        ("repo/.baya/workflows/b.js", "rank: x"),
    ]);
    let error = |wanted: &str| world.registry("repo").find(wanted).unwrap_err().to_string();
    assert_eq!(
        error("reveiw-code"),
        "there is no workflow `reveiw-code`; near it: `review-code`; there are `review-code`, `rank`, `tour`"
    );
    assert_eq!(
        error("nothing like it"),
        "there is no workflow `nothing like it`; there are `review-code`, `rank`, `tour`"
    );
    let empty = Registry::read(&Places { working: world.path("repo"), ..Places::default() }, &|_, _| {
        Err(String::new())
    });
    let message = empty.find("x").unwrap_err().to_string();
    assert_eq!(message, "there is no workflow `x`; there are no saved workflows");
}

#[test]
fn c80_links_and_folders_that_lead_astray_are_told_and_stop_nothing() {
    let world =
        World::new(&[("repo/.baya/workflows/good.js", "good: yes"), ("elsewhere/w.js", "linked: yes")]);
    let folder = world.path("repo/.baya/workflows");
    symlink("loop.js", folder.join("loop.js")).unwrap();
    symlink("nowhere.js", folder.join("dangling.js")).unwrap();
    symlink("good.js", folder.join("same.js")).unwrap();
    symlink(world.path("elsewhere/w.js"), folder.join("linked.js")).unwrap();
    fs::create_dir(folder.join("folder.js")).unwrap();
    symlink(world.path("repo/.claude"), world.path("repo/.claude")).unwrap();
    fs::create_dir_all(world.path("home/.claude")).unwrap();
    symlink(&folder, world.path("home/.claude/workflows")).unwrap();
    fs::create_dir_all(world.path("data/baya")).unwrap();
    fs::write(world.path("data/baya/workflows"), "a file").unwrap();
    let registry = world.registry("repo");
    assert_eq!(registry.names(), ["good", "linked", "tour"]);
    let mut broken: Vec<_> =
        registry.broken.iter().map(|b| b.path.strip_prefix(&world.root).unwrap().to_str().unwrap()).collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            "data/baya/workflows",
            "repo/.baya/workflows/dangling.js",
            "repo/.baya/workflows/loop.js",
            "repo/.claude/workflows"
        ]
    );
}
