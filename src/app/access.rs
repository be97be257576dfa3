//! Who else could let somebody in at Databricks, as it was seen last: kept so that a sealed vault
//! can say it with its age, and the next look can say who is new.
//!
//! Looked at by `init`, by purpose `rotate`, and before and after each session. Never holds a
//! rotation or an opening up: what the account does not show is kept as unseen. The log has
//! numbers only; names stand in the row.

use std::collections::BTreeSet;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::audit::entry::Draft;
use crate::databricks::{CallError, Holder, HolderKind, Minted, WhoElse};
use crate::domain::time::Timestamp;
use crate::store::change::RowChange;

/// The fact's name.
pub const ACCESS: &str = "access";

/// Most names that are kept of one list, and longest name; more of them are counted.
const MOST_NAMES: usize = 200;
const LONGEST_NAME: usize = 120;

/// One list as it was seen: each holder as a line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SeenList {
    /// `ada@example.com`, `application e71a…`, `group X`, `ben@example.com (group X)`.
    pub names: BTreeSet<String>,
    /// How many there were, those that are not kept included.
    pub count: usize,
}

/// Who else could let somebody in, and when that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// Account admins besides the principal; `None` = the account did not show them.
    pub admins: Option<SeenList>,
    /// Managers of the principal.
    pub managers: Option<SeenList>,
    /// Who may run jobs as it.
    pub users: Option<SeenList>,
    /// When.
    pub at_ms: Timestamp,
}

impl Access {
    /// What one look showed.
    #[must_use]
    pub fn of(found: &WhoElse, at_ms: Timestamp) -> Self {
        let list = |found: &Result<Vec<Holder>, CallError>| {
            let lines = lines(found.as_ref().ok()?);
            Some(SeenList {
                count: lines.len(),
                names: lines.into_iter().take(MOST_NAMES).collect(),
            })
        };
        Self {
            admins: list(&found.admins),
            managers: list(&found.managers),
            users: list(&found.users),
            at_ms,
        }
    }

    /// The entry and the row that keep it.
    pub(super) fn kept(&self) -> Result<(Draft, RowChange), AppError> {
        let text =
            serde_json::to_string(self).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let count = |list: &Option<SeenList>| match list {
            Some(list) => Value::from(list.count),
            None => Value::Null,
        };
        let entry = draft(
            "access.seen",
            [
                ("admins", count(&self.admins)),
                ("managers", count(&self.managers)),
                ("users", count(&self.users)),
            ],
        );
        let row = RowChange::SetFact {
            name: ACCESS.to_owned(),
            value: Some(text),
        };
        Ok((entry, row))
    }
}

/// Each holder as a line; members after their group.
#[must_use]
pub fn lines(found: &[Holder]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for one in found {
        lines.insert(line(one));
        for member in &one.members {
            lines.insert(format!("{} ({})", line(member), line(one)));
        }
    }
    lines
}

/// One holder: its kind where the name does not tell it, nothing that could move a cursor.
#[must_use]
pub fn line(one: &Holder) -> String {
    let plain = one.name.chars().filter(|c| !c.is_control());
    let name: String = plain.take(LONGEST_NAME).collect();
    let kind = match one.kind {
        HolderKind::Person => "",
        HolderKind::Principal => "application ",
        HolderKind::Group => "group ",
    };
    let asleep = if one.active { "" } else { ", switched off" };
    format!("{kind}{name}{asleep}")
}

impl App {
    /// Looks once and keeps what was seen.
    ///
    /// # Errors
    /// A log that cannot be written. What Databricks does not show is kept as unseen.
    pub(super) async fn see_access(&self, bearer: &Minted) -> Result<(), AppError> {
        let found = self.inner.databricks.who_else(bearer).await;
        for why in [&found.admins, &found.managers]
            .into_iter()
            .filter_map(|list| list.as_ref().err())
        {
            tracing::warn!(%why, "who else could let somebody in could not be seen");
        }
        let (entry, row) = Access::of(&found, self.now()).kept()?;
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(kind: HolderKind, name: &str) -> Holder {
        Holder::named(kind, "1", name)
    }

    #[test]
    fn a_list_names_groups_their_members_and_who_is_switched_off() {
        let mut group = holder(HolderKind::Group, "platform");
        group.members = vec![holder(HolderKind::Person, "ben@example.com")];
        let mut robot = holder(HolderKind::Principal, "e71a\u{1b}[2J");
        robot.active = false;
        let found: Vec<String> = lines(&[group, robot]).into_iter().collect();
        assert_eq!(
            found,
            [
                "application e71a[2J, switched off",
                "ben@example.com (group platform)",
                "group platform",
            ]
        );
    }

    #[test]
    fn what_was_not_shown_is_kept_as_unseen_and_a_long_list_is_counted() {
        let many = (0..500).map(|n| holder(HolderKind::Person, &format!("p{n}@example.com")));
        let refused = || {
            Err(CallError::Refused {
                step: "look",
                status: 403,
                code: "PERMISSION_DENIED".to_owned(),
            })
        };
        let found = WhoElse {
            admins: Ok(many.collect()),
            managers: refused(),
            users: refused(),
        };
        let seen = Access::of(&found, Timestamp(7));
        let admins = seen.admins.as_ref().unwrap();
        assert_eq!((admins.count, admins.names.len()), (500, MOST_NAMES));
        assert_eq!(seen.managers, None);
        let (entry, row) = seen.kept().unwrap();
        assert_eq!(entry.members["admins"], 500);
        assert!(entry.members["managers"].is_null());
        assert!(!format!("{entry:?}").contains("p1@"), "names in the log");
        let RowChange::SetFact {
            value: Some(text), ..
        } = row
        else {
            panic!("another row");
        };
        assert_eq!(serde_json::from_str::<Access>(&text).unwrap(), seen);
    }
}
