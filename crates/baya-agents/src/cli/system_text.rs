//! What is told to a program agent beside its prompt, and what is said to it when it has to go on.

use serde_json::Value;

/// For every agent (C20).
const RULES: &str = "You work alone, as one agent of a larger run: nobody reads along and nobody answers \
questions, so decide what is open yourself and say what you assumed. Your last message is the return value of a \
function call: it holds the whole result and nothing else, no greeting and no offer of more. Start no other agents \
and no sessions of your own.";

/// For one that must not change anything.
const ONLY_READS: &str =
    "You may read and run commands that look, and you can change nothing: what you write is refused.";

/// After the program or our own process was ended in the middle of the work.
pub(super) const GO_ON: &str = "You were interrupted. What you did until then is done; a step that was under way may \
be done or not, so look before you repeat it. Go on with the task, and give your result as your last message.";

/// After a turn that ended without a message.
pub(super) const NO_RESULT: &str = "Your last message is taken as your result, and there was none. Give the whole \
result now, as one message.";

/// For a message that turns a draft into a result.
pub(super) const REPAIR: &str = "You turn a text into structured data. Take every fact from the text and invent none; \
where the text leaves a required value open, take the plainest one that is true to it. Use no tools.";

/// The system text of an agent: its type's body, the rules of all, the form of the result, memory files, and
/// what there is to know of its worktree.
pub(super) fn system(
    body: Option<&str>,
    only_reads: bool,
    form: Option<&Value>,
    place: Option<&str>,
    memory: &str,
) -> String {
    let form = form.map(json_form).unwrap_or_default();
    let limits = if only_reads { ONLY_READS } else { "" };
    let parts = [body.unwrap_or_default(), RULES, limits, &form, memory, place.unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// For a program that does not itself make the answer meet the schema.
pub(super) fn json_form(schema: &Value) -> String {
    format!(
        "Your last message is one JSON object and nothing else, no fence around it. It meets this JSON \
         Schema:\n{schema}"
    )
}

/// What goes back for an answer that the schema refuses.
pub(super) fn again(error: &str) -> String {
    format!("That is not a usable result: {error}. Give the whole result again as one JSON object.")
}
