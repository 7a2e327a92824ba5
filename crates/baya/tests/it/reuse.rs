//! `--reuse`: answers of earlier runs to the same questions about the same files, counted by the fake
//! model's request log.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use crate::repository::git;
use serde_json::json;

const SCRIPT: &str = "export const meta = { name: 'x', description: 'd' }
return await parallel(['a', 'b', 'c'].map(it => () => agent(`look at ${it} ${args ?? ''}`)))";

struct Site {
    baya: Baya,
    model: FakeModel,
}

impl Site {
    fn new() -> Site {
        let site = Site { baya: Baya::new(), model: FakeModel::start(&json!({"rules": [{"echo": true}]})) };
        site.baya.write("x.js", SCRIPT).write("src/a.txt", "a");
        git(&site.baya, &["init", "-q"]);
        site.commit();
        site
    }

    fn commit(&self) {
        git(&self.baya, &["add", "-A"]);
        git(&self.baya, &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "c"]);
    }

    fn run(&self, line: &str) -> Output {
        self.model.serves(self.baya.line(line)).run()
    }

    /// How many requests this run makes.
    fn requests(&self, line: &str) -> (usize, String) {
        let before = self.model.prompts().len();
        let output = self.run(line).exits(0);
        (self.model.prompts().len() - before, output.stderr)
    }
}

#[test]
fn the_same_questions_about_the_same_files_are_not_paid_for_again() {
    let site = Site::new();
    assert_eq!(site.requests("run x.js --reuse").0, 3);
    let (requests, said) = site.requests("run x.js --reuse");
    assert_eq!(requests, 0);
    assert!(said.contains("3 answers of earlier runs (saved "), "{said}");
    assert!(said.contains(": answered by #1 of wf_"), "{said}");
    assert_eq!(site.requests("run x.js").0, 3, "only who asks for it");
    assert_eq!(site.requests("run x.js --reuse other words").0, 3, "other questions");
}

#[test]
fn a_changed_file_makes_every_question_a_new_one() {
    let site = Site::new();
    site.requests("run x.js --reuse");
    site.baya.write("src/a.txt", "b");
    assert_eq!(site.requests("run x.js --reuse").0, 3);
    site.baya.write("src/a.txt", "a");
    assert_eq!(site.requests("run x.js --reuse").0, 0, "what was is known again");
    site.baya.write("new.txt", "untracked");
    assert_eq!(site.requests("run x.js --reuse").0, 3);
}

#[test]
fn without_a_repository_it_says_why_it_cannot() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    let output = baya.line("run x.js --reuse --backend simulated").run().exits(2);
    assert!(output.stderr.contains("`--reuse` cannot tell whether files have changed"), "{}", output.stderr);
    assert!(output.stderr.contains("hint: "), "{}", output.stderr);
}
