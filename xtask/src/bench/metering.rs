//! The gateway's count against the fake model's own, with many agents at once: the test of the same
//! thing, with more agents. It is no timing, so the build of the tests will do.

use super::table::Row;
use super::world::World;
use crate::shell::{cargo, show};

const TEST: &str = "gateway::metering::the_meter_equals_the_models_own_count_with_many_agents_at_once";

pub fn all(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(1_000);
    let mut command =
        cargo(&["test", "-p", "baya-agents", "--test", "it", "--", "--exact", TEST, "--nocapture"]);
    command.env("BAYA_METERING_AGENTS", agents.to_string());
    let output = command.output().map_err(|error| format!("`{}`: {error}", show(&command)))?;
    let apart = apart_in(&String::from_utf8_lossy(&output.stdout)).ok_or("the test told no figure")?;
    let what = format!("metering: tokens apart from the model's own count, {agents} agents, 3 wires");
    Ok(vec![Row::new(what, apart, 0.0, "")])
}

/// The figure in a line as `1000 agents, 57000 tokens, apart: 0`.
fn apart_in(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.rsplit_once("apart: ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_found_among_the_lines_of_a_test() {
        assert_eq!(
            apart_in("running 1 test\n1000 agents, 57000 tokens, apart: 3\ntest x ... ok\n"),
            Some(3.0)
        );
        assert_eq!(apart_in("running 0 tests\n"), None);
    }
}
