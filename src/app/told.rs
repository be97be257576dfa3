//! What people were told already: the same trouble once, then again only after a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most different troubles remembered; beyond that everything is forgotten and told anew.
const MOST: usize = 1_000;

/// When each thing was told last, by the boot clock. Lives in this process only: after a restart
/// people hear once more.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<String, i64>>);

impl Told {
    /// Whether to tell it now; then it counts as told.
    pub(super) fn tell(&self, what: &str, now_ms: i64, again_ms: i64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told
            .get(what)
            .is_none_or(|last| now_ms.saturating_sub(*last) >= again_ms);
        if due {
            if told.len() >= MOST {
                told.clear();
            }
            told.insert(what.to_owned(), now_ms);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_and_again_after_a_while() {
        let told = Told::default();
        assert!(told.tell("a", 0, 10));
        assert!(!told.tell("a", 9, 10));
        assert!(told.tell("b", 9, 10));
        assert!(told.tell("a", 10, 10));
        assert!(!told.tell("a", 11, 10));
    }
}
