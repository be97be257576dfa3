//! Memory that is never swapped, dumped or inherited: the ONE file with `unsafe`.
//!
//! [`LockedBytes`] holds identity, shares and credential while they are in use; it knows nothing
//! of what the bytes mean. Linux does the real thing; elsewhere a portable fallback wipes only,
//! because the server is Linux and other systems only run client commands.
#![cfg_attr(
    target_os = "linux",
    expect(
        unsafe_code,
        reason = "mmap, mlock and madvise have no safe form; only this file"
    )
)]

use std::fmt;

use secrecy::{ExposeSecret, ExposeSecretMut};
use zeroize::Zeroize as _;

/// Why memory for a secret could not be had. Nothing secret is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The kernel gave no memory.
    #[error("no memory for a secret of {bytes} bytes: {code}: free some memory on this host")]
    Map {
        /// Bytes asked for.
        bytes: usize,
        /// What the system said, as its error number.
        code: SystemCode,
    },
    /// The memory could not be locked, usually because of `RLIMIT_MEMLOCK`.
    #[error(
        "{bytes} bytes for a secret could not be locked in memory: {code}: raise LimitMEMLOCK (ulimit -l)"
    )]
    Lock {
        /// Bytes asked for.
        bytes: usize,
        /// What the system said, as its error number.
        code: SystemCode,
    },
    /// The memory could not be kept out of dumps and child processes.
    #[error(
        "memory for a secret could not be kept out of dumps: {code}: the kernel must be 4.14 or newer"
    )]
    Advise {
        /// What the system said, as its error number.
        code: SystemCode,
    },
    /// The process could not be hardened.
    #[error("the process could not be hardened at {step}: {code}: secrets are not read without it")]
    Harden {
        /// Which of the steps failed.
        step: &'static str,
        /// What the system said, as its error number.
        code: SystemCode,
    },
}

/// An error number of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemCode(pub i32);

impl fmt::Display for SystemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", std::io::Error::from_raw_os_error(self.0))
    }
}

/// A fixed run of bytes in locked memory, zeroed and unmapped on drop.
///
/// It never grows, so no copy is left behind by a reallocation. Reading goes through
/// `expose_secret`, which clippy fences.
pub struct LockedBytes {
    region: region::Region,
    len: usize,
}

impl LockedBytes {
    /// Locked room of `len` bytes, all zero.
    ///
    /// # Errors
    /// [`MemoryError`] when the memory cannot be had, locked or kept out of dumps.
    pub fn zeroed(len: usize) -> Result<Self, MemoryError> {
        Ok(Self {
            region: region::Region::map(len.max(1))?,
            len,
        })
    }

    /// Locked room filled by `fill`, so that the bytes are never anywhere else.
    ///
    /// # Errors
    /// As [`LockedBytes::zeroed`], and whatever `fill` says.
    pub fn filled<E: From<MemoryError>>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut locked = Self::zeroed(len)?;
        fill(&mut locked.region.bytes_mut()[..len])?;
        Ok(locked)
    }

    /// How many bytes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when no byte is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives up all bytes from `len` on; they are zeroed.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.region.bytes_mut()[len..].zeroize();
            self.len = len;
        }
    }
}

impl ExposeSecret<[u8]> for LockedBytes {
    fn expose_secret(&self) -> &[u8] {
        &self.region.bytes()[..self.len]
    }
}

impl ExposeSecretMut<[u8]> for LockedBytes {
    fn expose_secret_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.region.bytes_mut()[..len]
    }
}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockedBytes({} bytes)", self.len)
    }
}

/// No core dumps, no reading by other processes of this user, no new privileges.
///
/// Call it first in `serve` and in client commands that open a share, before any secret is read.
///
/// # Errors
/// [`MemoryError::Harden`] naming the step.
#[cfg(target_os = "linux")]
pub fn harden_process() -> Result<(), MemoryError> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    let failed = |step| {
        move |code: rustix::io::Errno| MemoryError::Harden {
            step,
            code: SystemCode(code.raw_os_error()),
        }
    };
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .map_err(failed("core limit"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("no-dump"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("no new privileges"))
}

/// Does nothing outside Linux: only client commands run there.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn harden_process() -> Result<(), MemoryError> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod region {
    use std::ptr::{self, NonNull};

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
    use zeroize::Zeroize as _;

    use super::{MemoryError, SystemCode};

    /// A private anonymous mapping, owned by nobody else.
    pub(super) struct Region {
        address: NonNull<u8>,
        bytes: usize,
    }

    // SAFETY: the mapping is owned by this value alone and has no thread affinity; shared access
    // is `&[u8]`, exclusive access needs `&mut self`, as for a boxed slice.
    unsafe impl Send for Region {}
    // SAFETY: as above.
    unsafe impl Sync for Region {}

    impl Region {
        pub(super) fn map(bytes: usize) -> Result<Self, MemoryError> {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new anonymous mapping at an address of the kernel's choice aliases nothing.
            let address =
                unsafe { mmap_anonymous(ptr::null_mut(), bytes, protection, MapFlags::PRIVATE) }
                    .map_err(|e| MemoryError::Map {
                        bytes,
                        code: code(e),
                    })?;
            let address = NonNull::new(address.cast::<u8>()).ok_or(MemoryError::Map {
                bytes,
                code: SystemCode(0),
            })?;
            // From here the drop of `region` unmaps, whatever fails below.
            let region = Self { address, bytes };
            let start = region.address.as_ptr().cast();
            // SAFETY: `start..start + bytes` is the live mapping made above; locking and advice
            // change no byte of it in this process.
            unsafe {
                mlock(start, bytes).map_err(|e| MemoryError::Lock {
                    bytes,
                    code: code(e),
                })?;
                madvise(start, bytes, Advice::LinuxDontDump)
                    .map_err(|e| MemoryError::Advise { code: code(e) })?;
                madvise(start, bytes, Advice::LinuxWipeOnFork)
                    .map_err(|e| MemoryError::Advise { code: code(e) })?;
            }
            Ok(region)
        }

        pub(super) fn bytes(&self) -> &[u8] {
            // SAFETY: the mapping is live, readable, `bytes` long and initialised (zero pages).
            unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.bytes) }
        }

        pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as in `bytes`, and `&mut self` makes the access exclusive.
            unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.bytes) }
        }
    }

    impl Drop for Region {
        fn drop(&mut self) {
            self.bytes_mut().zeroize();
            // SAFETY: the mapping is ours and is not used after this. A failure leaves zeroed
            // pages mapped, which leaks memory but no secret.
            let _ = unsafe { munmap(self.address.as_ptr().cast(), self.bytes) };
        }
    }

    fn code(error: rustix::io::Errno) -> SystemCode {
        SystemCode(error.raw_os_error())
    }
}

#[cfg(not(target_os = "linux"))]
mod region {
    use zeroize::Zeroizing;

    use super::MemoryError;

    /// Ordinary memory that is wiped on drop.
    pub(super) struct Region(Zeroizing<Vec<u8>>);

    impl Region {
        pub(super) fn map(bytes: usize) -> Result<Self, MemoryError> {
            Ok(Self(Zeroizing::new(vec![0; bytes])))
        }

        pub(super) fn bytes(&self) -> &[u8] {
            &self.0
        }

        pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at bytes of their own making"
)]
mod tests {
    use super::*;

    #[test]
    fn locked_bytes_start_as_zero_and_keep_what_is_written() {
        let mut locked = LockedBytes::zeroed(5000).unwrap();
        assert!(locked.expose_secret().iter().all(|b| *b == 0));
        locked.expose_secret_mut()[4999] = 7;
        assert_eq!(locked.expose_secret()[4999], 7);
        assert_eq!(locked.len(), 5000);
        locked.truncate(3);
        assert_eq!(locked.expose_secret(), [0, 0, 0]);
    }

    #[test]
    fn debug_shows_the_length_and_no_byte() {
        let locked = LockedBytes::filled::<MemoryError>(3, |b| {
            b.copy_from_slice(b"abc");
            Ok(())
        })
        .unwrap();
        assert_eq!(format!("{locked:?}"), "LockedBytes(3 bytes)");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_counts_the_memory_as_locked_and_not_dumpable() {
        let locked = LockedBytes::zeroed(4096).unwrap();
        let address = locked.expose_secret().as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let flags = vm_flags_at(&maps, address);
        for flag in ["lo", "dd", "wf"] {
            assert!(flags.split(' ').any(|f| f == flag), "{flag} in {flags}");
        }
    }

    #[cfg(target_os = "linux")]
    fn vm_flags_at(smaps: &str, address: usize) -> String {
        let mut inside = false;
        for line in smaps.lines() {
            let range = line.split(' ').next().and_then(|r| r.split_once('-'));
            if let Some((from, to)) = range
                && let (Ok(from), Ok(to)) = (
                    usize::from_str_radix(from, 16),
                    usize::from_str_radix(to, 16),
                )
            {
                inside = (from..to).contains(&address);
            } else if inside && let Some(flags) = line.strip_prefix("VmFlags: ") {
                return flags.to_owned();
            }
        }
        String::new()
    }
}
