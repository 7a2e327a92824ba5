//! A policy as the profile text that `sandbox-exec` of macOS takes. Later rules win there, so the deeper
//! paths come last.

use super::reach::{Access, Reach};
use super::{Profile, Sandbox};
use std::path::Path;

/// What a process needs on macOS before it does anything of its own.
const ALWAYS: &str = "(version 1)
(deny default)
(allow process-fork)
(allow process-exec)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\"))
(allow file-read-metadata)
(allow file-read* (literal \"/\"))
";

/// What of the system lies elsewhere than on Linux.
const SYSTEM: [&str; 6] = [
    "/System",
    "/Library/Developer",
    "/Library/Apple",
    "/private/etc",
    "/private/var/db/timezone",
    "/Applications/Xcode.app",
];

/// The profile; nothing to apply for [`Profile::Full`].
pub fn profile(sandbox: &Sandbox) -> String {
    let mut text = ALWAYS.to_owned();
    if sandbox.profile == Profile::Full {
        return "(version 1)\n(allow default)\n".to_owned();
    }
    for path in SYSTEM {
        text.push_str(&rule("allow", "file-read*", Path::new(path)));
    }
    // The map is in the order of paths: what lies above comes before what lies below.
    for (path, access) in &Reach::of(sandbox).named {
        let lines = match access {
            Access::None => rule("deny", "file-read* file-write*", path),
            Access::Read => rule("allow", "file-read*", path) + &rule("deny", "file-write*", path),
            Access::Write => rule("allow", "file-read* file-write*", path),
        };
        text.push_str(&lines);
    }
    for port in sandbox.ports() {
        text.push_str(&format!("(allow network-outbound (remote tcp \"localhost:{port}\"))\n"));
    }
    if let Some(port) = sandbox.own_port {
        text.push_str(&format!("(allow network-bind network-inbound (local tcp \"localhost:{port}\"))\n"));
    }
    text
}

fn rule(verdict: &str, operations: &str, path: &Path) -> String {
    let quoted = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("({verdict} {operations} (subpath \"{quoted}\"))\n")
}
