//! The `baya` program.

fn main() -> std::process::ExitCode {
    baya::main()
}
