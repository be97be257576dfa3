//! The allocator of the program: what is freed is zeroed first.
//!
//! Libraries leave copies of secrets on the heap (the age crate's file key, a parser's buffers). The
//! binary and the test that scans a process's memory name this one, so that they cannot differ.
//! `realloc` is not forwarded by the wiping layer: a block that grows is copied, wiped and freed.

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Wiping above, fast below.
pub type Allocator = ZeroAlloc<MiMalloc>;

/// To be named `#[global_allocator]`.
pub const ALLOCATOR: Allocator = ZeroAlloc(MiMalloc);
