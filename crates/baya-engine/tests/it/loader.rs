//! Script files and their imports: what may be read, from where, and what is said of the rest.

use baya_core::limits::SCRIPT_BYTES_MAX;
use baya_engine::loader::{LoadError, Loader, ScriptFile};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A project in a folder, a stranger beside it.
struct World {
    _folder: TempDir,
    root: PathBuf,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let world = World { root, _folder: folder };
        for path in ["project/main.js", "project/lib/a.js", "project/lib/b.mjs", "project/sub/deep.ts"] {
            world.write(path, path);
        }
        world.write("stranger/secret.js", "secret");
        world.write("home/mine.js", "mine");
        world.write("home/beside.js", "beside");
        world.write("project/notes.txt", "notes");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn loader_in(&self, working: &str) -> Loader {
        let (working, project) = (self.path(working), self.path("project"));
        Loader::new(&working, &project, Some(&self.path("home"))).unwrap()
    }

    fn loader(&self) -> Loader {
        self.loader_in("project")
    }
}

fn file(name: &str, text: &str) -> ScriptFile {
    ScriptFile { name: name.to_owned(), text: text.to_owned() }
}

#[test]
fn a_script_is_named_from_the_working_folder_or_in_full() {
    let world = World::new();
    assert_eq!(world.loader().open("main.js").unwrap().entry, file("main.js", "project/main.js"));
    assert_eq!(world.loader().open("./lib/../main.js").unwrap().entry, file("main.js", "project/main.js"));
    let sub = world.loader_in("project/sub").open("../main.js").unwrap().entry;
    assert_eq!(sub, file(world.path("project/main.js").to_str().unwrap(), "project/main.js"));
    let home = world.loader().open("~/mine.js").unwrap().entry;
    assert_eq!(home, file(world.path("home/mine.js").to_str().unwrap(), "mine"));
    let homeless = Loader::new(&world.root, &world.root, None).unwrap();
    assert!(matches!(homeless.open("~/mine.js"), Err(LoadError::NoHome { .. })));
    assert!(matches!(homeless.open("~other/mine.js"), Err(LoadError::NotFound { .. })));
}

#[test]
fn c09_imports_are_found_from_the_file_that_asks() {
    let world = World::new();
    let main = world.loader().open("main.js").unwrap();
    let a = main.import("main.js", "./lib/a.js").unwrap();
    assert_eq!(a, file("lib/a.js", "project/lib/a.js"));
    assert_eq!(main.import(&a.name, "./b.mjs").unwrap(), file("lib/b.mjs", "project/lib/b.mjs"));
    assert_eq!(main.import(&a.name, "../sub/deep.ts").unwrap(), file("sub/deep.ts", "project/sub/deep.ts"));
    symlink(world.path("project/lib/a.js"), world.path("project/alias.js")).unwrap();
    assert_eq!(main.import("main.js", "./alias.js").unwrap().name, "lib/a.js", "one file has one name");
}

#[test]
fn c09_a_script_outside_the_project_has_its_own_folder_and_the_project() {
    let world = World::new();
    let mine = world.loader().open("~/mine.js").unwrap();
    let name = mine.entry.name.clone();
    assert_eq!(mine.import(&name, "./beside.js").unwrap().text, "beside");
    assert_eq!(mine.import(&name, "../project/lib/a.js").unwrap().text, "project/lib/a.js");
    assert!(matches!(mine.import(&name, "../stranger/secret.js"), Err(LoadError::Outside { .. })));
}

fn check_refused(world: &World, specifier: &str, refused: impl Fn(&LoadError) -> bool) {
    let main = world.loader().open("main.js").unwrap();
    let error = main.import("main.js", specifier).unwrap_err();
    assert!(refused(&error), "{specifier}: {error:?}");
}

#[test]
fn c09_imports_stay_inside() {
    let world = World::new();
    symlink(world.path("stranger/secret.js"), world.path("project/link.js")).unwrap();
    symlink(world.path("stranger"), world.path("project/linked")).unwrap();
    symlink(world.path("project/notes.txt"), world.path("project/notes.js")).unwrap();
    let outside = |error: &LoadError| matches!(error, LoadError::Outside { .. });
    for specifier in [
        "../stranger/secret.js",
        "./lib/../../stranger/secret.js",
        "./link.js",
        "./linked/secret.js",
        "./notes.js",
        "../../../../../../../../etc/hosts.js",
        "../stranger/not-there.js",
    ] {
        check_refused(&world, specifier, outside);
    }
    for specifier in ["/etc/hosts.js", "lib/a.js", "fs", "https://example.com/a.js", "~/mine.js", ""] {
        check_refused(&world, specifier, |error| matches!(error, LoadError::NotRelative { .. }));
    }
    for specifier in ["./lib/a", "./notes.txt", "./lib/", "./.env"] {
        check_refused(&world, specifier, |error| matches!(error, LoadError::NotAScript { .. }));
    }
    check_refused(&world, "./lib/c.js", |error| {
        *error == LoadError::NotFound { path: world.path("project/lib/c.js") }
    });
    let built_in = world.loader().open_text("built in: tour.js", "text".to_owned());
    assert!(outside(&built_in.import("built in: tour.js", "./lib/a.js").unwrap_err()));
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let world = World::new();
    world.write("project/latin.js", b"let caf\xe9 = 1".as_slice());
    world.write("project/most.js", "x".repeat(SCRIPT_BYTES_MAX));
    world.write("project/more.js", "x".repeat(SCRIPT_BYTES_MAX + 1));
    fs::create_dir(world.path("project/folder.js")).unwrap();
    symlink("loop.js", world.path("project/loop.js")).unwrap();
    let error = |path: &str| world.loader().open(path).unwrap_err();
    let path = |name: &str| world.path("project").join(name);
    assert_eq!(error("latin.js"), LoadError::NotUtf8 { path: path("latin.js"), at: 7 });
    assert_eq!(error("more.js"), LoadError::TooLarge { path: path("more.js"), limit: SCRIPT_BYTES_MAX });
    assert_eq!(world.loader().open("most.js").unwrap().entry.text.len(), SCRIPT_BYTES_MAX);
    assert_eq!(error("folder.js"), LoadError::NotAFile { path: path("folder.js") });
    assert_eq!(error("none.js"), LoadError::NotFound { path: path("none.js") });
    assert!(matches!(error("loop.js"), LoadError::Unreadable { .. }));
    assert!(matches!(error("/dev/zero"), LoadError::NotAFile { .. }));
}

#[test]
fn c53_a_script_path_is_found_from_the_working_folder_and_then_beside_the_caller() {
    let world = World::new();
    let loader = world.loader();
    let opened = |path: &str, caller: &str| loader.open_from(path, caller).map(|loading| loading.entry.name);
    assert_eq!(opened("lib/a.js", "sub/deep.ts").unwrap(), "lib/a.js");
    assert_eq!(opened("./a.js", "lib/b.mjs").unwrap(), "lib/a.js");
    world.write("project/a.js", "nearer");
    assert_eq!(opened("./a.js", "lib/b.mjs").unwrap(), "a.js");
    assert_eq!(opened("~/mine.js", "main.js").unwrap(), world.path("home/mine.js").to_str().unwrap());
    let absolute = world.path("stranger/secret.js");
    assert_eq!(opened(absolute.to_str().unwrap(), "main.js").unwrap(), absolute.to_str().unwrap());
    let error = opened("none.js", "lib/b.mjs").unwrap_err().to_string();
    let (working, beside) = (world.path("project"), world.path("project/lib"));
    let quoted = |path: &Path| format!("`{}`", path.display());
    assert_eq!(error, format!("there is no file `none.js` in {} and {}", quoted(&working), quoted(&beside)));
}
