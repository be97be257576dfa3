//! Wiping the stack after work on secrets.
//!
//! Libraries pass keys by value, so copies stay in dead stack frames, where neither `Drop` nor a
//! zeroizing allocator reaches. Knows nothing of what ran.

use std::hint::black_box;

/// How much dead stack is overwritten, in bytes: several times what age, HKDF and Shamir were
/// seen to use in unoptimised builds, and an eighth of a thread's default stack.
const SCRUBBED_BYTES: usize = 256 * 1024;

/// Runs `work` and then overwrites the stack it used.
///
/// What `work` returns must hold its secrets behind a pointer, else they are on the caller's stack.
pub fn on_scrubbed_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    overwrite_dead_stack();
    result
}

/// A frame of its own, so that everything `work` puts on the stack lies below the caller's.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn overwrite_dead_stack() {
    // `black_box` may read every byte as far as the compiler knows, so all are really written.
    black_box(&[0u8; SCRUBBED_BYTES]);
}
