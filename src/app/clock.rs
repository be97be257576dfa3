//! The one place that reads the time. Everybody else gets it as an argument.

use std::sync::atomic::{AtomicI64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::time::{Clock, Timestamp};

/// The host's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let time = clock_gettime(ClockId::Realtime);
        Timestamp(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
    }

    fn boot_ms(&self) -> i64 {
        // The boot-time clock also runs while the host sleeps; `Instant` does not on Linux.
        #[cfg(target_os = "linux")]
        let clock = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = ClockId::Monotonic;
        let time = clock_gettime(clock);
        time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
    }
}

/// A clock that is moved by hand, so that nothing sleeps in tests.
#[derive(Debug, Default)]
pub struct MovedClock {
    now_ms: AtomicI64,
    boot_ms: AtomicI64,
}

impl MovedClock {
    /// A clock that shows this moment until it is moved.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now_ms: AtomicI64::new(now.0),
            boot_ms: AtomicI64::new(0),
        }
    }

    /// Lets time pass on both clocks.
    pub fn pass_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as a person or an attacker would.
    pub fn set_wall(&self, now: Timestamp) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }

    fn boot_ms(&self) -> i64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}
