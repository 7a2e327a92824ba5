//! The one place where randomness enters: ids and seeds.

use rustix::rand::{GetRandomFlags, getrandom};
use std::time::{SystemTime, UNIX_EPOCH};

/// 64 random bits.
pub fn bits() -> u64 {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        // A kernel without randomness: unlikely to repeat is all that an id needs.
        Ok(_) | Err(_) => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (since.as_nanos() as u64) ^ (u64::from(std::process::id()) << 40)
        }
    }
}
