//! Which custodians open their share on a page of the vault's own host, and how many may
//! (PROTOCOL §10): a host that is owned by somebody else could serve a false page to all of them.

use super::keys::passkey_parts;
use super::{Role, Roster};
use crate::domain::policy::{BrowserUnlockers, Policy};

/// Names of the custodians with a passkey of this host.
#[must_use]
pub fn holders<'r>(roster: &'r Roster, host: &str) -> Vec<&'r str> {
    let here = |key: &String| passkey_parts(key).is_some_and(|[named, ..]| named == host);
    let custodians = roster.people.iter().filter(|p| p.is(Role::Custodian));
    custodians
        .filter(|p| p.login_keys.iter().any(here))
        .map(|p| p.name.as_str())
        .collect()
}

/// Why a roster may not follow another under a policy, if so. What stands already is not undone:
/// only more of them from k on are refused, or a k that no longer lies above them.
#[must_use]
pub fn refused(policy: &Policy, before: &Roster, after: &Roster, host: &str) -> Option<String> {
    let BrowserUnlockers::BelowK = policy.browser_unlockers?;
    let (had, has) = (holders(before, host).len(), holders(after, host));
    let beyond = has.len() >= usize::from(after.k) && (has.len() > had || after.k < before.k);
    beyond.then(|| {
        format!(
            "{} of {} custodians ({}) would open their share on a page of {host}; the policy \
             (browser_unlockers = \"below_k\") wants fewer than k = {}: use key files, or serve the \
             custodian's page from another machine",
            has.len(),
            after.n,
            has.join(", "),
            after.k
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::tests::policy;
    use crate::domain::roster::tests::roster;

    const HOST: &str = "vault.example.com";

    fn with_passkeys(count: usize, host: &str) -> Roster {
        let mut roster = roster();
        let custodians = roster.people.iter_mut().filter(|p| p.is(Role::Custodian));
        for (number, person) in custodians.take(count).enumerate() {
            let key = format!("passkey {host}/AAA{number}/BBBB");
            person.login_keys.push(key);
        }
        roster
    }

    #[test]
    fn from_k_on_no_more_of_them_are_taken() {
        let mut policy = policy();
        let k = usize::from(roster().k);
        let refused_from = |policy: &Policy, from, to, host| {
            refused(
                policy,
                &with_passkeys(from, host),
                &with_passkeys(to, host),
                HOST,
            )
        };
        assert_eq!(refused_from(&policy, 0, k, HOST), None, "no bound");
        policy.browser_unlockers = Some(BrowserUnlockers::BelowK);
        assert_eq!(refused_from(&policy, 0, k - 1, HOST), None);
        let why = refused_from(&policy, k - 1, k, HOST).unwrap();
        assert!(why.contains(HOST), "{why}");
        // What stands is not undone, and may become fewer.
        assert_eq!(refused_from(&policy, k, k, HOST), None);
        assert_eq!(refused_from(&policy, k + 1, k, HOST), None);
        // On the page of another machine they do not count.
        assert_eq!(refused_from(&policy, 0, k, "custodian.example.com"), None);
        let mut lower = with_passkeys(k - 1, HOST);
        lower.k -= 1;
        let before = with_passkeys(k - 1, HOST);
        assert!(refused(&policy, &before, &lower, HOST).is_some());
    }
}
