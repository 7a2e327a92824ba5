//! A policy in words, and what of it this system enforces.

use super::reach::{Access, Reach};
use super::{Profile, Sandbox, kernel_offers};

impl Sandbox {
    /// What commands may do, one line each, for a person.
    pub fn describe(&self) -> Vec<String> {
        if self.profile == Profile::Full {
            return vec![
                "files     as the person who started it".to_owned(),
                "network   as the person who started it".to_owned(),
                "limits    no core files; the environment holds only what the policy names".to_owned(),
            ];
        }
        let reach = Reach::of(self);
        let mut lines = Vec::new();
        for (word, access) in [("write", Access::Write), ("read", Access::Read), ("hidden", Access::None)] {
            // What a hidden place lacks, or the system, need not be told.
            let there = reach.named.iter().filter(|(path, is)| **is == access && path.exists());
            lines.extend(there.map(|(path, _)| format!("{word:<9} {}", path.display())));
        }
        let ports: Vec<String> = self.ports().map(|port| port.to_string()).collect();
        lines.push(match ports.as_slice() {
            [] => "network   none".to_owned(),
            [port] => format!("network   tcp to port {port}, nothing else"),
            ports => format!("network   tcp to the ports {}, nothing else", ports.join(" and ")),
        });
        if let Some(port) = self.own_port {
            lines.push(format!("network   listens on port {port} and talks to itself there"));
        }
        lines.push("calls     no tracing, mounts, namespaces, io_uring, kernel keys or modules".to_owned());
        lines.extend(self.caveats());
        lines
    }

    /// What the policy says and this system does not keep.
    pub fn caveats(&self) -> Vec<String> {
        if self.profile == Profile::Full || cfg!(not(target_os = "linux")) {
            return Vec::new();
        }
        let version = kernel_offers();
        let mut lines = Vec::new();
        if version < 1 {
            let what = if self.best_effort { "files are open to commands" } else { "no command starts" };
            lines.push(format!("caveat    this kernel has no landlock: {what}"));
        }
        if version < 6 {
            lines.push("caveat    this kernel does not keep signals inside: landlock 6 would".to_owned());
        }
        let port = self.ports().next();
        if version < 4 && port.is_some() {
            lines.push("caveat    this kernel does not watch ports: all network is refused".to_owned());
        }
        if port.is_some() {
            lines.push("caveat    the port is open on every address, not only on this machine".to_owned());
        }
        if self.own_port.is_some() {
            lines.push("caveat    it may also listen on a port that the system picks".to_owned());
        }
        lines.push(
            "caveat    modes and times of files outside can be changed, their contents cannot".to_owned(),
        );
        if self.best_effort {
            lines.push("caveat    best effort: what cannot be enforced is left out".to_owned());
        }
        lines
    }
}
