//! x
use crate::fixture::run;
#[test]
fn c17_smoke() {
    let r = run("return {a: 1n, d: new Date(), m: new Map([[1,2]])}");
    eprintln!("{:?}", r.state);
    let r = run("\n  await agent('x', 5)");
    eprintln!("{:?}", r.state);
    let r = run("\n  return await\n     agent('x', {})");
    eprintln!("{:?} {:?}", r.state, r.calls);
}
