//! What the database itself shows: how durable it is, what was measured with the live credential
//! and when, and whose share a browser opens. Read beside a running vault, without its lock.

use std::path::Path;

use super::{Answer, Light, access};
use crate::app::{ACCESS, MEASURED, Measured};
use crate::cli::clock;
use crate::config::{Config, HostUrl};
use crate::domain::canonical;
use crate::domain::roster::{Roster, browsers};
use crate::domain::time::{DAY_MS, SECOND_MS, Timestamp};
use crate::store::peek::{self, Standing};

/// Older than this, what was measured says little.
const STALE_MS: i64 = 100 * DAY_MS;

/// Everything the database shows; one answer when it cannot be read.
pub(super) async fn answers(config: &Config) -> Vec<Answer> {
    let store = config.store();
    match peek::standing(&store, MEASURED).await {
        Ok(found) => {
            let mut answers = vec![durability(&found)];
            if let Some(path) = &store.sqlite {
                answers.push(filesystem(path));
            }
            answers.push(measured(found.fact.as_deref(), clock::now()));
            answers.push(match peek::fact(&store, ACCESS).await {
                Ok(fact) => access::seen_last(fact.as_deref(), clock::now()),
                Err(why) => access::unread(&why),
            });
            answers.push(browsers(config, found.roster.as_deref()));
            answers
        }
        Err(why) => vec![Answer::bad(
            "database",
            Light::Unseen,
            why.to_string(),
            "before `init` there is none; otherwise see runbooks/log-broken.md",
        )],
    }
}

/// Values by which an answered commit could be lost.
fn durability(found: &Standing) -> Answer {
    let forgetful = |(name, value): &&(String, String)| match name.as_str() {
        "journal_mode" => !value.eq_ignore_ascii_case("wal"),
        "synchronous" => !value.eq_ignore_ascii_case("full"),
        "fsync" | "synchronous_commit" | "full_page_writes" => value == "off",
        _ => false,
    };
    let bad = found.settings.iter().find(forgetful);
    let words: Vec<String> = found
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match bad {
        None => Answer::green("database", words.join(" ")),
        Some((name, value)) => Answer::bad(
            "database",
            Light::Red,
            format!("{name}={value}: an entry that was acknowledged could be lost"),
            "set it back; `serve` sets SQLite's at each start and refuses a forgetful server",
        ),
    }
}

/// File systems on which SQLite's locks and flushes do not hold.
const FAR: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse"];
/// In memory: empty after a restart.
const FLEETING: [&str; 2] = ["tmpfs", "ramfs"];

fn filesystem(path: &Path) -> Answer {
    const ABOUT: &str = "database disk";
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let path = path.canonicalize();
    let kind = path.ok().and_then(|path| mounted_kind(&mounts, &path));
    match kind {
        None => Answer::bad(ABOUT, Light::Unseen, "this host does not say", ""),
        Some(kind) if FLEETING.contains(&kind) => Answer::bad(
            ABOUT,
            Light::Red,
            format!("in memory ({kind})"),
            "put it on a disk: this one is empty after a restart",
        ),
        Some(kind) if FAR.iter().any(|far| kind.split('.').next() == Some(far)) => Answer::bad(
            ABOUT,
            Light::Red,
            format!("{kind}: locks and flushes do not hold there"),
            "a local disk, or PostgreSQL",
        ),
        Some(kind) => Answer::green(ABOUT, format!("local ({kind})")),
    }
}

/// The kind of the innermost file system over a path, of lines `device folder kind …` where a later
/// mount hides an earlier one.
fn mounted_kind<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mut over: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(folder), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let folder = folder.replace("\\040", " ");
        if path.starts_with(&folder) && over.is_none_or(|(length, _)| folder.len() >= length) {
            over = Some((folder.len(), kind));
        }
    }
    over.map(|(_, kind)| kind)
}

/// What the newest measurement said, and how old it is.
fn measured(fact: Option<&str>, now: Timestamp) -> Answer {
    let mend = "a rotation measures anew: breakglass epoch new";
    let Some(text) = fact else {
        return Answer::bad("lifetimes", Light::Unseen, "never measured", mend);
    };
    let Ok(found) = serde_json::from_str::<Measured>(text) else {
        return Answer::bad("lifetimes", Light::Red, "the record cannot be read", mend);
    };
    let age_ms = now.since_ms(found.at_ms).max(0);
    let shortest = match found.shortest_lifetime_s {
        0 => "as short as a session".to_owned(),
        seconds => format!("{} min or more", seconds / 60),
    };
    let words = format!(
        "secrets {shortest}, given to {} s; new ones work after {} ms, deleted ones die after {} ms; measured {} days ago",
        found.lifetime_slack_s,
        found.create_propagation_ms,
        found.delete_propagation_ms,
        age_ms / DAY_MS,
    );
    if found.all_refused {
        let words = format!(
            "every lifetime was refused {} days ago: a session would use the credential itself",
            age_ms / DAY_MS
        );
        return Answer::bad("lifetimes", Light::Red, words, mend);
    }
    if age_ms > STALE_MS || now.since_ms(found.at_ms) < -SECOND_MS {
        return Answer::bad("lifetimes", Light::Amber, words, mend);
    }
    Answer::green("lifetimes", words)
}

/// How many shares a page opens that this very host serves (PROTOCOL §10).
fn browsers(config: &Config, roster: Option<&[u8]>) -> Answer {
    const ABOUT: &str = "browser unlockers";
    let roster: Option<Roster> = roster.and_then(|bytes| canonical::parse_exact(bytes).ok());
    let Some(roster) = roster else {
        return Answer::bad(ABOUT, Light::Unseen, "the roster cannot be read", "");
    };
    let host = HostUrl::parse(&config.console.url).map(|url| url.host);
    let host = host.unwrap_or_default();
    let holders = browsers::holders(&roster, &host);
    let words = format!("{} of {} custodians", holders.len(), roster.n);
    if holders.len() < usize::from(roster.k) {
        return Answer::green(ABOUT, words);
    }
    if let Some(origin) = &config.console.custodian_origin {
        return Answer::green(ABOUT, format!("{words}, on the page of {origin}"));
    }
    Answer::bad(
        ABOUT,
        Light::Amber,
        format!(
            "{words} ({}): k of them could be served a false page",
            holders.join(", ")
        ),
        "serve the custodian's page from another machine ([console] custodian_origin), or key files",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Standing {
        Standing {
            settings: pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Standing::default()
        }
    }

    #[test]
    fn a_database_lies_on_the_innermost_file_system_over_it() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\nhost:/x /srv/my\\040data nfs4 rw 0 0\n\
                      s /srv/my\\040data/sub fuse.sshfs rw 0 0\n";
        let kind = |path| mounted_kind(mounts, Path::new(path)).unwrap();
        assert_eq!(kind("/var/lib/breakglass/vault.db"), "ext4");
        assert_eq!(kind("/run/breakglass/vault.db"), "tmpfs");
        assert_eq!(kind("/running/vault.db"), "ext4");
        assert_eq!(kind("/srv/my data/vault.db"), "nfs4");
        assert_eq!(kind("/srv/my data/sub/vault.db"), "fuse.sshfs");
    }

    #[test]
    fn a_setting_that_could_lose_an_entry_is_red() {
        let good = [("journal_mode", "wal"), ("synchronous", "FULL")];
        assert_eq!(durability(&settings(&good)).light, Light::Green);
        for bad in [
            ("journal_mode", "delete"),
            ("synchronous", "NORMAL"),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
        ] {
            let answer = durability(&settings(&[bad]));
            assert_eq!(answer.light, Light::Red, "{bad:?}");
            assert!(answer.found.starts_with(bad.0));
        }
        let server = [("fsync", "on"), ("synchronous_commit", "on")];
        assert_eq!(durability(&settings(&server)).light, Light::Green);
    }

    #[test]
    fn a_measurement_is_shown_with_its_age_and_turns_amber() {
        let at = |days: i64| Timestamp(1_800_000_000_000 + days * DAY_MS);
        let fact = serde_json::to_string(&Measured {
            create_propagation_ms: 40,
            at_ms: at(0),
            ..Measured::default()
        })
        .unwrap();
        let fresh = measured(Some(&fact), at(3));
        assert_eq!(fresh.light, Light::Green);
        assert!(
            fresh.found.contains("after 40 ms") && fresh.found.ends_with("measured 3 days ago")
        );
        assert_eq!(measured(Some(&fact), at(101)).light, Light::Amber);
        assert_eq!(measured(None, at(0)).light, Light::Unseen);
        assert_eq!(measured(Some("{"), at(0)).light, Light::Red);
        let refused = fact.replace("\"all_refused\":false", "\"all_refused\":true");
        assert_eq!(measured(Some(&refused), at(0)).light, Light::Red);
    }
}
