//! Bad input and bad luck: each is refused in one sentence, leaves an entry, and costs nobody
//! else anything.

mod acts;
mod alerts;
mod claims;
mod openings;
mod reviews;
mod rows;
mod shares;
mod time;

use breakglass::app::AppError;

use crate::support::TestVault;

/// Runs a step that must be refused with this code, and checks the entry and the alert it leaves.
fn refused<T>(vault: &TestVault, code: &str, step: impl FnOnce() -> Result<T, AppError>) {
    let before = (
        vault.count("act.refused"),
        vault.alerts_queued("act.refused"),
    );
    let error = step()
        .err()
        .unwrap_or_else(|| panic!("accepted instead of {code}"));
    assert_eq!(error.code(), code, "{error}");
    assert!(
        !error.to_string().is_empty() && !error.to_string().ends_with('.'),
        "{error}"
    );
    let entry = vault
        .last_entry("act.refused")
        .expect("a refusal leaves an entry");
    assert_eq!(entry.text("code"), Some(code));
    assert_eq!(vault.count("act.refused"), before.0 + 1);
    assert!(
        vault.alerts_queued("act.refused") > before.1,
        "nobody is told of {code}"
    );
}
