//! What can be seen without a rehearsal.

use super::Scene;
use super::errors::new;
use baya_core::call::Site;
use baya_core::rehearsal::{Finding, Weight};
use baya_core::script;

pub(super) fn lints(scene: Scene<'_>) -> Vec<Finding> {
    let found = script::lint(&scene.job.script.program).into_iter().map(|it| {
        let site = Site { file: it.file, line: it.line, column: it.column };
        Finding { seen: 0, ..new(it.code, Weight::Warning, it.message, it.hint, Some(site)) }
    });
    found.collect()
}
