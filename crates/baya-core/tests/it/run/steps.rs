//! Host steps at the gate (C72).

use super::*;
use baya_core::call::ThrowKind;
use baya_core::step::HostStep;

#[test]
fn c72_a_landing_by_agents_is_refused_not_ignored() {
    for (word, is_refused) in [("agent", true), ("skip", false), ("stop", false)] {
        let step = json!({"do": "land", "select": {"label": "x"}, "options": {"on_conflict": word}});
        let step: HostStep = serde_json::from_value(step).expect("a step");
        let mut hand = Hand::new();
        let kind = CallKind::Step { step };
        hand.step(0, vec![Call { id: CallId(1), frame: FrameId::MAIN, site: None, kind }]);
        let refused = hand.told_to(1).cloned();
        assert_eq!(refused.is_some(), is_refused, "{word}");
        let Some(refused) = refused else { continue };
        let Payload::Throw(thrown) = refused else { panic!("{refused:?}") };
        assert_eq!(thrown.kind, ThrowKind::Option);
        assert!(thrown.message.contains("is not in this version"), "{}", thrown.message);
    }
}
