//! What a thing is called: for entries, reviewers, and to look its people up.

use super::{SHARES, Thing};

impl Thing {
    /// Names and ids of those who get the right, as the call writes them.
    #[must_use]
    pub fn people(&self) -> Vec<&str> {
        match self {
            Self::Assignment { principal, .. }
            | Self::Grant { principal, .. }
            | Self::SecretAcl { principal, .. }
            | Self::DirectMember { principal, .. }
            | Self::Entitlements { principal, .. } => vec![principal],
            Self::Values {
                attribute, asked, ..
            } if attribute == "members" => asked.iter().flatten().map(String::as_str).collect(),
            Self::Values { path, .. } => path.rsplit('/').take(1).collect(),
            Self::LegacyMember { who, .. } | Self::Permission { who, .. } => vec![&who.name],
            Self::RuleSet { .. } | Self::App { .. } => Vec::new(),
        }
    }

    /// What it is, for entries and people; never a name of a person, which a log would keep.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Assignment { path, principal } => {
                let workspace = path.rsplit('/').nth(1).unwrap_or("?");
                format!("assignment of principal {principal} to workspace {workspace}")
            }
            Self::Values {
                path, attribute, ..
            } => {
                let mut ends = path.rsplit('/');
                let (id, table) = (ends.next().unwrap_or("?"), ends.next().unwrap_or("?"));
                format!("{attribute} of {table}/{id}")
            }
            Self::LegacyMember { group, .. } => format!("a member of group {group}"),
            Self::Permission { path, .. } => {
                format!("permission on {}", after(path, "/permissions/"))
            }
            Self::Grant { path, .. } => {
                let share = after(path, "/unity-catalog/").trim_end_matches("/permissions");
                match path.contains(SHARES) {
                    true => format!("privileges on {share}"),
                    false => format!("privileges on {}", after(path, "/permissions/")),
                }
            }
            Self::RuleSet { name, .. } => format!("rule set {name}"),
            Self::SecretAcl { scope, .. } => format!("access to secret scope {scope}"),
            Self::App { name } => format!("app {name}"),
            Self::DirectMember { path, .. } => {
                format!(
                    "a member of group {}",
                    path.rsplit('/').nth(1).unwrap_or("?")
                )
            }
            Self::Entitlements {
                path, principal, ..
            } => {
                let place = after(path, "/workspaces/").split('/').next();
                let place = place.filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
                let place =
                    place.map_or("the workspace".to_owned(), |id| format!("workspace {id}"));
                format!("assignment of principal {principal} to {place}")
            }
        }
    }
}

fn after<'a>(path: &'a str, mark: &str) -> &'a str {
    path.split_once(mark).map_or(path, |(_, rest)| rest)
}
