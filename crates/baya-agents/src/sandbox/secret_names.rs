//! Files that hold secrets by custom, told by their names: what is hidden from an agent in quarantine, in
//! whatever folder it works.

use std::path::{Component, Path};

/// Folders and files.
const NAMES: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".terraformrc",
    ".vault-token",
    "credentials.json",
    "credentials.toml",
    "secrets.json",
    "secrets.yml",
    "secrets.yaml",
    "secrets.toml",
];
const STARTS: &[&str] =
    &[".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "service-account", "terraform.tfstate"];
const ENDS: &[&str] = &[".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".tfvars"];
/// What is made to be shown: `.env.example`, `id_rsa.pub`.
const SHOWN: &[&str] = &[".example", ".sample", ".template", ".dist", ".pub"];

/// Whether the path is, or lies in, something that is secret by its name.
pub(super) fn is_secret(path: &Path) -> bool {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().to_lowercase()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    names.into_iter().any(|name| is_secret_name(&name)) || path.ends_with(".git/config")
}

fn is_secret_name(name: &str) -> bool {
    if SHOWN.iter().any(|end| name.ends_with(end)) {
        return false;
    }
    NAMES.contains(&name)
        || STARTS.iter().any(|start| name.starts_with(start))
        || ENDS.iter().any(|end| name.ends_with(end))
}
