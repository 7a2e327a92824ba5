//! Stands in for programs that agents are, for tests. Under the word `answer` it is the tool for a
//! structured answer; the `baya` binary runs the same as `baya __answer`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["answer", schema, out] => match baya_agents::mcp::answer::serve(Path::new(schema), Path::new(out)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        _ => ExitCode::FAILURE,
    }
}
