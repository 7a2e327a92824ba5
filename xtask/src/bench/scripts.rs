//! The scripts that are measured.

/// `agents` trivial agents, all asked at once.
pub fn fan(agents: usize) -> String {
    script(&format!(
        "const texts = await Promise.all(Array.from({{ length: {agents} }}, (_, at) => agent(`task ${{at}}.`)))\n\
         return texts.filter((text) => text !== null).length\n"
    ))
}

/// The same, with the prompt of one task replaced.
pub fn fan_edited(agents: usize, edited: usize) -> String {
    fan(agents)
        .replace("agent(`task ${at}.`)", &format!("agent(at === {edited} ? 'other task.' : `task ${{at}}.`)"))
}

/// `agents` agents, one after the other; `edited` has another prompt.
pub fn sequence(agents: usize, edited: Option<usize>) -> String {
    let prompts: Vec<String> = (0..agents)
        .map(|at| if Some(at) == edited { "'other task.'".to_owned() } else { format!("'task {at}.'") })
        .collect();
    script(&format!(
        "const texts = []\nfor (const prompt of [{}]) {{\n  texts.push(await agent(prompt))\n}}\nreturn texts.length\n",
        prompts.join(", ")
    ))
}

/// A pipeline; each prompt names its item and its stage.
pub fn pipeline(items: usize, stages: usize) -> String {
    let stages: Vec<String> =
        (0..stages).map(|stage| format!("(_, item) => agent(`item ${{item}} stage {stage}.`)")).collect();
    script(&format!(
        "const items = Array.from({{ length: {items} }}, (_, at) => at)\n\
         const ends = await pipeline(items, {})\nreturn ends.filter((end) => end !== null).length\n",
        stages.join(", ")
    ))
}

/// All but one look side by side, and the last one gets what they found.
pub fn gathered(agents: usize) -> String {
    script(&format!(
        "const BUGS = {{ type: 'object', required: ['bugs'], properties: {{\n  \
           bugs: {{ type: 'array', items: {{ type: 'string' }} }} }} }}\n\
         const looks = await parallel(Array.from({{ length: {} }}, (_, at) => () =>\n  \
           agent(`look at part ${{at}}.`, {{ label: `look ${{at}}`, schema: BUGS }})))\n\
         const found = looks.filter((look) => look !== null)\nlog(`${{looks.length - found.length}} failed`)\n\
         const sum = await agent(`sum up: ${{JSON.stringify(found)}}`, {{ label: 'sum' }})\n\
         return {{ sum, failed: looks.length - found.length }}\n",
        agents.saturating_sub(1)
    ))
}

fn script(body: &str) -> String {
    format!("export const meta = {{ name: 'bench', description: 'A measurement' }}\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_one_prompt() {
        assert!(fan(3).contains("{ length: 3 }, (_, at) => agent(`task ${at}.`)"));
        assert!(fan_edited(3, 1).contains("agent(at === 1 ? 'other task.' : `task ${at}.`)"));
        assert!(sequence(3, Some(1)).contains("['task 0.', 'other task.', 'task 2.']"));
        assert!(gathered(3).contains("{ length: 2 }, (_, at) => () =>"));
        assert!(pipeline(2, 2).contains("agent(`item ${item} stage 1.`)"));
    }
}
