//! What agents may do as people want it: rules as tables, the gatekeeper, hooks.

mod gate;
mod hooks;
mod rules;
