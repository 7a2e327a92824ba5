//! Stands in for programs that agents are, for tests. Under the word `acp` it is an agent of the Agent
//! Client Protocol that does what a script says; under the word `answer` it is the tool for a structured
//! answer, as `baya __answer` is.

mod acp;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["acp", script, ..] => acp::main(Path::new(script)),
        ["answer", schema, out] => match baya_agents::mcp::answer::serve(Path::new(schema), Path::new(out)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        _ => ExitCode::FAILURE,
    }
}
