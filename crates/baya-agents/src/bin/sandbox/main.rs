//! The applier of policies alone, for tests; the `baya` binary runs the same as `baya __sandbox`. Under the
//! word `attempt` it tries what a policy must refuse.

#[cfg(target_os = "linux")]
mod attempts;

fn main() -> std::process::ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("__sandbox") => baya_agents::sandbox::apply::main(words),
        #[cfg(target_os = "linux")]
        Some("attempt") => {
            attempts::attempt(&words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>())
        }
        _ => std::process::ExitCode::FAILURE,
    }
}
