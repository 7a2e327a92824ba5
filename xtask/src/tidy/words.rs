//! Words that say where something was made, not what it is.

use super::Offenders;
use super::tree::Tree;

/// Hosts and settings of package registries; mirrors are a matter of one machine's settings.
const REGISTRIES: [&str; 7] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
    concat!("replace", "-with"),
    concat!("[", "source."),
];

/// Folders that exist on one machine only.
const MACHINES: [&str; 2] = [concat!("/", "work/"), concat!("/", "root/")];

/// Registries named anywhere but in lock files.
pub fn registries(tree: &Tree) -> Offenders {
    let found = offenders(tree, &REGISTRIES, |_| true);
    found.into_iter().filter(|offender| !offender.contains(".lock:")).collect()
}

/// Absolute paths of one machine: the word begins the path.
pub fn machines(tree: &Tree) -> Offenders {
    offenders(tree, &MACHINES, |before| before.is_none_or(|c| !c.is_alphanumeric() && !"_-.~/>}".contains(c)))
}

fn offenders(tree: &Tree, words: &[&str], fits: impl Fn(Option<char>) -> bool) -> Offenders {
    let mut found = Vec::new();
    for file in &tree.files {
        for (at, line) in file.text.lines().enumerate() {
            let hit =
                |word: &&&str| line.match_indices(**word).any(|(to, _)| fits(line[..to].chars().next_back()));
            found.extend(words.iter().find(hit).map(|word| format!("{}:{}: `{word}`", file.path, at + 1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        Tree { files: vec![File { path: path.to_owned(), text: text.to_owned() }] }
    }

    #[test]
    fn registries_are_named_in_lock_files_only() {
        let host = REGISTRIES[0];
        assert_eq!(registries(&tree("a.md", &format!("see\n{host}"))), [format!("a.md:2: `{host}`")]);
        assert!(registries(&tree("Cargo.lock", host)).is_empty());
        assert!(registries(&tree("a.md", "a crate from crates.io")).is_empty());
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        let folder = MACHINES[0];
        assert_eq!(machines(&tree("a.rs", &format!("(\"{folder}x\")"))).len(), 1);
        assert!(machines(&tree("a.rs", &format!("baya{folder}x src{folder}"))).is_empty());
    }
}
