//! Who may depend on whom, read from `cargo metadata`.

use super::Offenders;
use super::licence::is_permissive;
use super::rust::mask;
use super::tree::{File, Tree};
use crate::shell::{cargo, read};
use serde_json::Value;

/// The house's rooms and what each may use; `ARCHITECTURE.md` draws it.
const EDGES: [(&str, &[&str]); 6] = [
    ("baya-core", &[]),
    ("baya-js", &["baya-core"]),
    ("baya-agents", &["baya-core"]),
    ("baya-engine", &["baya-core", "baya-js"]),
    ("baya", &["baya-core", "baya-js", "baya-engine", "baya-agents"]),
    ("xtask", &[]),
];

/// Crates that only one room depends on, and the folder outside of which no source names them.
const OWNED: [(&str, &str, &str); 3] = [
    ("oxc_", "baya-core", "crates/baya-core/src/script/"),
    ("rquickjs", "baya-js", "crates/baya-js/src/"),
    ("genai", "baya-agents", "crates/baya-agents/src/"),
];

/// What `cargo metadata` says.
pub struct Metadata(Value);

struct Package<'m> {
    name: &'m str,
    ours: bool,
    value: &'m Value,
}

impl Metadata {
    pub fn read() -> Result<Metadata, String> {
        let output = read(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
        let value = serde_json::from_slice(&output).map_err(|error| format!("cargo metadata: {error}"))?;
        Ok(Metadata(value))
    }

    fn packages(&self) -> Vec<Package<'_>> {
        let members = self.0["workspace_members"].as_array().map(Vec::as_slice).unwrap_or_default();
        let package =
            |value| Package { name: text(value, "name"), ours: members.contains(&value["id"]), value };
        self.0["packages"].as_array().into_iter().flatten().map(package).collect()
    }

    fn ours(&self) -> Vec<Package<'_>> {
        self.packages().into_iter().filter(|package| package.ours).collect()
    }
}

impl Package<'_> {
    /// Names of all dependencies: normal, for tests, for the build.
    fn dependencies(&self) -> Vec<&str> {
        let list = self.value["dependencies"].as_array();
        list.into_iter().flatten().map(|dependency| text(dependency, "name")).collect()
    }

    /// Its folder from the workspace's, with `/` at the end.
    fn folder(&self) -> String {
        if self.name == "xtask" { "xtask/".to_owned() } else { format!("crates/{}/", self.name) }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Edges between our crates that the picture does not have.
pub fn edges(metadata: &Metadata) -> Offenders {
    let ours = metadata.ours();
    let names: Vec<&str> = ours.iter().map(|package| package.name).collect();
    let mut found = Vec::new();
    for package in &ours {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            found.push(format!("`{}` is a crate that the picture does not have", package.name));
            continue;
        };
        let inner = package.dependencies().into_iter().filter(|name| names.contains(name));
        let wrong = inner.filter(|name| !allowed.contains(name));
        found.extend(wrong.map(|name| format!("`{}` must not depend on `{name}`", package.name)));
    }
    found
}

/// Crates used outside the room that owns them.
pub fn owned(metadata: &Metadata, tree: &Tree) -> Offenders {
    let mut found = Vec::new();
    for (prefix, owner, folder) in OWNED {
        for package in metadata.ours().into_iter().filter(|package| package.name != owner) {
            let foreign = package.dependencies().into_iter().filter(|name| name.starts_with(prefix));
            found.extend(foreign.map(|name| format!("`{}` must not depend on `{name}`", package.name)));
        }
        let outside = tree.rust_sources().filter(|file| !file.path.starts_with(folder));
        let outside = outside.filter(|file| names_crate(&mask(&file.text), prefix));
        found
            .extend(outside.map(|file| format!("{}: names `{prefix}…`, which lives in {folder}", file.path)));
    }
    found
}

/// Dependencies of the workspace or of a crate that nothing uses.
pub fn unused(metadata: &Metadata, tree: &Tree) -> Offenders {
    let ours = metadata.ours();
    let mut found = Vec::new();
    let manifest = tree.get("Cargo.toml").map(|file| workspace_dependencies(&file.text)).unwrap_or_default();
    for name in manifest {
        let used = ours.iter().any(|package| package.dependencies().contains(&name.as_str()));
        found.extend((!used).then(|| format!("Cargo.toml: no crate uses `{name}`")));
    }
    for package in &ours {
        let sources: Vec<&File> =
            tree.rust_sources().filter(|file| file.path.starts_with(&package.folder())).collect();
        let used = |name: &str| sources.iter().any(|file| names_crate(&mask(&file.text), &ident(name)));
        let idle = package.dependencies().into_iter().filter(|name| !used(name));
        found.extend(idle.map(|name| format!("`{}` does not use `{name}`", package.name)));
    }
    found
}

/// Dependencies whose licence is not permissive.
pub fn licences(metadata: &Metadata) -> Offenders {
    let packages = metadata.packages();
    let verdicts = packages.iter().map(|package| {
        let licence = text(package.value, "license");
        let (name, version) = (package.name, text(package.value, "version"));
        match is_permissive(licence) {
            Ok(true) => None,
            Ok(false) => Some(format!("{name} {version}: `{licence}`")),
            Err(why) => Some(format!("{name} {version}: `{licence}`: {why}")),
        }
    });
    verdicts.flatten().collect()
}

fn ident(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether code says `name::`, `use name` or the like; a prefix counts if it ends with `_`.
fn names_crate(masked: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    masked.match_indices(name).any(|(at, _)| {
        let before = masked[..at].chars().next_back().is_some_and(is_word);
        let after = masked[at + name.len()..].chars().next().is_some_and(is_word);
        !before && (!after || name.ends_with('_'))
    })
}

/// The keys of `[workspace.dependencies]`.
fn workspace_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| line.trim() != "[workspace.dependencies]").skip(1);
    let lines = section.take_while(|line| !line.trim_start().starts_with('['));
    let keys = lines.filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim().to_owned());
    keys.filter(|key| !key.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(dependencies: &[(&str, &[&str])]) -> Metadata {
        let package = |(name, uses): &(&str, &[&str])| {
            let uses: Vec<Value> = uses.iter().map(|name| json!({ "name": name })).collect();
            json!({ "name": name, "id": name, "version": "1.0.0", "license": "MIT", "dependencies": uses })
        };
        let members: Vec<&str> = dependencies.iter().map(|(name, _)| *name).collect();
        let packages: Vec<Value> = dependencies.iter().map(package).collect();
        Metadata(json!({ "packages": packages, "workspace_members": members }))
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: path.to_string(), text: text.to_string() };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn an_edge_that_the_picture_lacks_is_an_offence() {
        let good = metadata(&[("baya-core", &["serde"]), ("baya-js", &["baya-core"])]);
        assert!(edges(&good).is_empty());
        let bad = metadata(&[("baya-core", &["baya-js"]), ("baya-js", &[]), ("baya-new", &[])]);
        let expected = [
            "`baya-core` must not depend on `baya-js`",
            "`baya-new` is a crate that the picture does not have",
        ];
        assert_eq!(edges(&bad), expected);
    }

    #[test]
    fn some_crates_have_one_room() {
        let good = metadata(&[("baya-core", &["oxc_parser"])]);
        let home = tree(&[("crates/baya-core/src/script/parse.rs", "use oxc_parser::Parser;")]);
        assert!(owned(&good, &home).is_empty());
        let elsewhere = tree(&[("crates/baya-core/src/run.rs", "use oxc_parser::Parser; // rquickjs")]);
        assert_eq!(owned(&metadata(&[("baya", &["rquickjs"])]), &elsewhere).len(), 2);
    }

    #[test]
    fn a_dependency_that_nothing_uses_is_found() {
        let manifest = "[workspace.dependencies]\na-b = \"1\"\nc = { version = \"1\" }\n\n\
            # d = 1\n[profile.dev]\nx = 1\n";
        let tree = tree(&[("Cargo.toml", manifest), ("crates/baya-core/src/lib.rs", "use a_b::X; // c::y")]);
        let found = unused(&metadata(&[("baya-core", &["a-b", "e"])]), &tree);
        assert_eq!(found, ["Cargo.toml: no crate uses `c`", "`baya-core` does not use `e`"]);
    }

    #[test]
    fn a_licence_that_asks_for_more_is_named() {
        let mut metadata = metadata(&[("a", &[])]);
        assert!(licences(&metadata).is_empty());
        metadata.0["packages"][0]["license"] = json!("GPL-3.0-only");
        assert_eq!(licences(&metadata), ["a 1.0.0: `GPL-3.0-only`"]);
    }
}
