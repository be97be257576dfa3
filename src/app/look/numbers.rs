//! How many calls each incident made, for lists. The log only grows, so what was counted once is
//! kept, and a look reads only what came since.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::app::App;
use crate::app::error::AppError;
use crate::audit::entry::Entry;
use crate::domain::alert::Calls;
use crate::domain::ids::IncidentId;
use crate::domain::time::Timestamp;

/// What a list shows of one incident besides its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Calls that were begun, by risk class; a few may have been given up before they were sent.
    pub calls: BTreeMap<String, usize>,
    /// Calls that were refused here, those of a burst included.
    pub denied: usize,
    /// Of those, outside the stated scope as far as is known: a burst is a number without reasons.
    pub outside: usize,
    /// Refused in bursts.
    pub in_bursts: usize,
    /// When unsealing first began: enough shares were there. It may have failed and begun again.
    pub unsealed_at: Option<Timestamp>,
}

/// Why a call was refused because the terms do not name it, as the log has it.
const OUTSIDE: [&str; 6] = [
    "outside_scope",
    "code_not_named",
    "not_reviewed",
    "denied",
    "upstream",
    "account",
];

impl Numbers {
    /// The same by the sorts that messages name.
    pub(in crate::app) fn calls(&self) -> Calls {
        let mut calls = Calls {
            refused: self.denied,
            outside: self.outside,
            in_bursts: self.in_bursts,
            ..Calls::default()
        };
        for (class, count) in &self.calls {
            let sort = match class.as_str() {
                "read" => &mut calls.read,
                "egress" => &mut calls.egress,
                "change" => &mut calls.write,
                _ => &mut calls.dangerous,
            };
            *sort += count;
        }
        calls
    }

    fn take(&mut self, entry: &Entry) {
        match entry.kind.as_str() {
            "call.begin" => {
                let class = entry.text("cls").unwrap_or("-").to_owned();
                *self.calls.entry(class).or_default() += 1;
            }
            "deny" => {
                self.denied += 1;
                let why = entry.text("why").unwrap_or_default();
                self.outside += usize::from(OUTSIDE.contains(&why));
            }
            "deny.burst" => {
                let n = usize::try_from(entry.integer("n").unwrap_or(0)).unwrap_or(0);
                self.denied += n;
                self.in_bursts += n;
            }
            "unseal.begin" => {
                self.unsealed_at.get_or_insert(Timestamp(entry.ts_ms));
            }
            _ => {}
        }
    }
}

/// What was counted so far of each incident: the first entry not yet read, and the numbers. Lives
/// in this process only; the first look after a start reads everything once.
#[derive(Debug, Default)]
pub(in crate::app) struct Counted(Mutex<HashMap<IncidentId, (u64, Numbers)>>);

impl Counted {
    fn get(&self, id: &IncidentId) -> (u64, Numbers) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.get(id).cloned().unwrap_or_default()
    }

    /// Keeps what was read furthest: two looks at once both count right, and one is kept.
    fn keep(&self, id: &IncidentId, read_to: u64, numbers: &Numbers) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = counted.entry(id.clone()).or_default();
        if kept.0 < read_to {
            *kept = (read_to, numbers.clone());
        }
    }
}

impl App {
    /// The numbers of an incident as its log stands now.
    ///
    /// # Errors
    /// The store broke, or an entry cannot be read.
    pub async fn numbers(&self, id: &IncidentId) -> Result<Numbers, AppError> {
        let (from, mut numbers) = self.inner.counted.get(id);
        let mut pages = self.pages_of(id, from);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                numbers.take(entry);
            }
        }
        self.inner.counted.keep(id, pages.read_to(), &numbers);
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_looks_at_once_the_one_that_read_further_is_kept() {
        let (counted, id) = (Counted::default(), "INC-1".parse().unwrap());
        let numbers = |denied| Numbers {
            denied,
            ..Numbers::default()
        };
        assert_eq!(counted.get(&id), (0, Numbers::default()));
        counted.keep(&id, 20, &numbers(2));
        counted.keep(&id, 10, &numbers(1));
        assert_eq!(counted.get(&id), (20, numbers(2)));
    }
}
