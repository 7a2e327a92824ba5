//! Who may use the machine now: slots for heavy commands, and room in memory for agents' processes.
//!
//! Both only wait, and only for what ends by itself; nothing is refused here. Model requests have lanes
//! of their own ([`crate::governor`]).

mod killed;
mod memory;
mod slots;

pub use killed::MemoryKills;
pub use memory::{Admission, Admitted, MemorySettings, free_bytes};
pub use slots::{HEAVY, Slot, SlotSettings, Slots};
