//! The order of text: ICU's root collation, which is what `localeCompare` means in en-US.

use icu_collator::options::{CaseLevel, CollatorOptions, Strength};
use icu_collator::preferences::{CollationCaseFirst, CollationNumericOrdering};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use rquickjs::{Ctx, Exception, Function, Object, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Gives the prelude `compare(a, b, mode)`; a mode is `sensitivity/numeric/caseFirst`, as `variant//false`.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let collators = RefCell::new(BTreeMap::new());
    let compare = move |ctx: Ctx<'js>, a: String, b: String, mode: String| {
        let mut collators = collators.borrow_mut();
        if !collators.contains_key(&mode) {
            let Some(collator) = collator(&mode) else {
                return Err(Exception::throw_range(&ctx, "localeCompare: no such collation"));
            };
            collators.insert(mode.clone(), collator);
        }
        Ok(collators.get(&mode).map_or(0, |collator| collator.compare(&a, &b) as i32))
    };
    object.set("compare", Function::new(ctx.clone(), compare)?)
}

fn collator(mode: &str) -> Option<CollatorBorrowed<'static>> {
    let mut parts = mode.split('/');
    let mut options = CollatorOptions::default();
    let (strength, case_level) = match parts.next()? {
        "base" => (Strength::Primary, CaseLevel::Off),
        "accent" => (Strength::Secondary, CaseLevel::Off),
        "case" => (Strength::Primary, CaseLevel::On),
        _ => (Strength::Tertiary, CaseLevel::Off),
    };
    options.strength = Some(strength);
    options.case_level = Some(case_level);
    let mut preferences = CollatorPreferences::default();
    preferences.numeric_ordering = Some(match parts.next()? {
        "numeric" => CollationNumericOrdering::True,
        _ => CollationNumericOrdering::False,
    });
    preferences.case_first = Some(match parts.next()? {
        "upper" => CollationCaseFirst::Upper,
        "lower" => CollationCaseFirst::Lower,
        _ => CollationCaseFirst::False,
    });
    Collator::try_new(preferences, options).ok()
}
