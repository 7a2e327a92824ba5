//! The script's heap: counts what QuickJS allocates and refuses what goes over the limit.
//!
//! QuickJS has a limit of its own, but then an out-of-memory is an exception like any other, which a
//! script may catch and which may be lost when there is no memory to build it. Here the refusal is
//! remembered, and the run ends. Unsafe, because an allocator is made of raw pointers: every block is
//! one of malloc's, and its size is asked of malloc.
#![allow(unsafe_code)]
#![cfg(any(target_os = "linux", target_os = "macos"))]

use crate::meter::Refused;
use rquickjs::allocator::Allocator;

pub(crate) struct LimitedHeap {
    used: usize,
    limit: usize,
    refused: Refused,
}

impl LimitedHeap {
    pub(crate) fn new(limit: usize, refused: Refused) -> LimitedHeap {
        LimitedHeap { used: 0, limit, refused }
    }

    fn fits(&self, more: usize) -> bool {
        let fits = self.used.checked_add(more).is_some_and(|sum| sum <= self.limit);
        if !fits {
            self.refused.set(true);
        }
        fits
    }

    fn count(&mut self, block: *mut u8) -> *mut u8 {
        if block.is_null() {
            self.refused.set(true);
        } else {
            self.used += size_of_block(block);
        }
        block
    }
}

fn size_of_block(block: *mut u8) -> usize {
    #[cfg(target_os = "linux")]
    // SAFETY: `block` came from malloc and is not freed yet.
    return unsafe { libc::malloc_usable_size(block.cast()) };
    #[cfg(target_os = "macos")]
    // SAFETY: as above.
    return unsafe { libc::malloc_size(block.cast()) };
}

// SAFETY: all blocks come from malloc, calloc or realloc, whose alignment suffices.
unsafe impl Allocator for LimitedHeap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !self.fits(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: malloc takes any size.
        let block = unsafe { libc::malloc(size) };
        self.count(block.cast())
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        if !count.checked_mul(size).is_some_and(|all| self.fits(all)) {
            self.refused.set(true);
            return std::ptr::null_mut();
        }
        // SAFETY: the product does not overflow.
        let block = unsafe { libc::calloc(count, size) };
        self.count(block.cast())
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        if block.is_null() {
            return;
        }
        self.used = self.used.saturating_sub(size_of_block(block));
        // SAFETY: the caller hands over a block of this allocator.
        unsafe { libc::free(block.cast()) };
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(size);
        }
        let old = size_of_block(block);
        if size > old && !self.fits(size - old) {
            return std::ptr::null_mut();
        }
        // SAFETY: as for `dealloc`; on failure the old block stays.
        let moved = unsafe { libc::realloc(block.cast(), size) };
        if !moved.is_null() {
            self.used = self.used.saturating_sub(old);
        }
        self.count(moved.cast())
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        if block.is_null() { 0 } else { size_of_block(block) }
    }
}
