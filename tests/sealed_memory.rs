//! What the kernel says of a hardened process, and of memory it will not lock.
#![cfg(target_os = "linux")]

use breakglass::sealed::locked::{LockedBytes, MemoryError, harden_process};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

#[test]
fn a_hardened_process_leaves_no_dump_and_gains_no_privilege() {
    harden_process().unwrap();
    assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    assert_eq!(
        rustix::process::dumpable_behavior().unwrap(),
        rustix::process::DumpableBehavior::NotDumpable
    );
    assert!(rustix::thread::no_new_privs().unwrap());
    // Twice is as good as once.
    harden_process().unwrap();
}

#[test]
fn memory_that_cannot_be_locked_is_an_error_that_names_the_limit() {
    // Root may lock past any limit, so this thread gives that right up first.
    let mut held = capabilities(None).unwrap();
    held.effective.remove(CapabilitySet::IPC_LOCK);
    held.permitted.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, held).unwrap();
    let before = getrlimit(Resource::Memlock);
    let none = Rlimit {
        current: Some(0),
        maximum: before.maximum,
    };
    setrlimit(Resource::Memlock, none).unwrap();
    let error = LockedBytes::zeroed(32).unwrap_err();
    setrlimit(Resource::Memlock, before).unwrap();
    assert!(matches!(error, MemoryError::Lock { bytes: 32, .. }));
    assert!(error.to_string().contains("LimitMEMLOCK"), "{error}");
    assert!(LockedBytes::zeroed(32).is_ok());
}
