//! What the host shows: memory that could reach a disk, files that others could read, space.

use std::fs;
use std::path::Path;

use super::{Answer, Light};
use crate::config::{Config, too_open};

/// Below this the vault refuses to open (facts §2.2).
const LOW_BYTES: u64 = 1 << 30;

/// Everything the host shows.
pub(super) fn answers(config: &Config) -> Vec<Answer> {
    vec![
        swap(fs::read_to_string("/proc/swaps").ok().as_deref()),
        hibernation(fs::read_to_string("/sys/power/state").ok().as_deref()),
        cores(
            fs::read_to_string("/proc/sys/kernel/core_pattern")
                .ok()
                .as_deref(),
        ),
        modes(config),
        disk(&config.data),
    ]
}

fn unseen(about: &'static str) -> Answer {
    Answer::bad(
        about,
        Light::Unseen,
        "this host does not say",
        "look by hand",
    )
}

/// The first line of `/proc/swaps` is a heading.
fn swap(text: Option<&str>) -> Answer {
    let Some(text) = text else {
        return unseen("swap");
    };
    match text.lines().skip(1).filter(|l| !l.is_empty()).count() {
        0 => Answer::green("swap", "none"),
        // The vault locks what is secret; swap can still hold pages of clients and tools.
        areas => Answer::bad(
            "swap",
            Light::Amber,
            format!("{areas} in use"),
            "swapoff -a, or encrypt it with a key drawn at each boot",
        ),
    }
}

fn hibernation(text: Option<&str>) -> Answer {
    match text {
        None => Answer::green("hibernation", "this kernel offers no sleep"),
        Some(text) if text.split_whitespace().any(|word| word == "disk") => Answer::bad(
            "hibernation",
            Light::Amber,
            "possible: it would write all memory to disk",
            "systemctl mask hibernate.target hybrid-sleep.target",
        ),
        Some(_) => Answer::green("hibernation", "not possible"),
    }
}

fn cores(text: Option<&str>) -> Answer {
    match text.map(str::trim) {
        None => unseen("core pattern"),
        Some("" | "|/bin/false") => Answer::green("core pattern", "no core is kept"),
        Some(pattern) => Answer::bad(
            "core pattern",
            Light::Amber,
            format!("{pattern} (the vault itself cannot be dumped)"),
            "sysctl -w kernel.core_pattern='|/bin/false'",
        ),
    }
}

/// The data folder and every secret file are for one user alone.
fn modes(config: &Config) -> Answer {
    let seed = config.log_seed_file();
    let tls = config.tls.as_ref().map(|tls| tls.key_file.clone());
    let store = config.store();
    let url = store.postgres_url_file.map(|url_file| url_file.path);
    let (metrics, heartbeat) = (
        config.watch.metrics_token_file.clone(),
        config.watch.heartbeat_url_file.clone(),
    );
    let data = Some(config.data.clone());
    let paths = [data, Some(seed), tls, url, metrics, heartbeat];
    let mut open = Vec::new();
    for path in paths.into_iter().flatten() {
        match mode(&path) {
            Some(mode) if mode & too_open(&path) != 0 => {
                open.push(format!("{} ({mode:03o})", path.display()))
            }
            Some(_) => {}
            None => open.push(format!("{} (not there)", path.display())),
        }
    }
    // A channel's secret that others may read makes `channel_rules` fail with its path.
    if let Err(why) = config.channel_rules() {
        open.push(why.to_string());
    }
    if open.is_empty() {
        return Answer::green("file modes", "for this user alone");
    }
    Answer::bad(
        "file modes",
        Light::Red,
        open.join("; "),
        "chmod 700 the folder, chmod 600 the files",
    )
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|_| 0o600)
}

#[cfg(unix)]
fn disk(folder: &Path) -> Answer {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return unseen("disk");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let whole = found.f_blocks.saturating_mul(found.f_frsize).max(1);
    let words = format!("{} MiB free, {} %", free >> 20, free * 100 / whole);
    if free < LOW_BYTES || free * 10 < whole {
        let mend = "free space: below 1 GiB or 10 % the vault opens nothing new";
        return Answer::bad("disk", Light::Red, words, mend);
    }
    Answer::green("disk", words)
}

#[cfg(not(unix))]
fn disk(_folder: &Path) -> Answer {
    unseen("disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_hibernation_and_cores_are_told_apart() {
        let heading = "Filename Type Size Used Priority\n";
        assert_eq!(swap(Some(heading)).light, Light::Green);
        let used = format!("{heading}/dev/sda2 partition 1 0 -2\n");
        assert_eq!(swap(Some(&used)).light, Light::Amber);
        assert_eq!(swap(None).light, Light::Unseen);
        assert_eq!(hibernation(Some("freeze mem disk\n")).light, Light::Amber);
        assert_eq!(hibernation(Some("freeze mem\n")).light, Light::Green);
        assert_eq!(cores(Some("core\n")).light, Light::Amber);
        assert_eq!(cores(Some("|/bin/false\n")).light, Light::Green);
    }
}
