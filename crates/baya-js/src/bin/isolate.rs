//! An isolate process alone, for tests; the `baya` binary runs the same as `baya __isolate`.

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--probe") {
        return probe();
    }
    baya_js::child::main()
}

/// One line per thing that a closed-off process tried.
fn probe() {
    match baya_js::child::probe() {
        Ok(attempts) => attempts.iter().for_each(|a| println!("{}: {}", a.what, a.succeeded)),
        Err(error) => println!("not closed off: {error}"),
    }
}
