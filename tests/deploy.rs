//! What `deploy/` ships works: the example configurations are ones the vault accepts, the unit is
//! as strict as the README says, and the program makes its own completions and man pages.

use std::path::{Path, PathBuf};
use std::process::Command;

use breakglass::config::Config;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

#[test]
fn every_example_configuration_is_accepted() {
    let mut seen = 0;
    for entry in std::fs::read_dir(deploy().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let (config, _) = Config::read(&path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        assert!(
            config.channels.len() >= 2,
            "{path:?}: at least two channels"
        );
        seen += 1;
    }
    assert!(seen >= 2);
}

#[test]
fn one_example_has_every_kind_of_channel_and_the_watch() {
    let (config, _) = Config::read(&deploy().join("examples/every-channel.toml")).unwrap();
    let text = format!("{:?}", config.channels);
    for kind in ["Smtp(", "Webhook(", "Slack(", "Teams(", "PagerDuty("] {
        assert!(text.contains(kind), "{kind}");
    }
    assert!(config.watch.heartbeat_url.is_some() && config.watch.metrics_token_file.is_some());
}

#[test]
fn the_unit_never_restarts_by_itself_and_gives_the_way_back_its_time() {
    let unit = std::fs::read_to_string(deploy().join("breakglass.service")).unwrap();
    for line in [
        "Restart=no",
        "TimeoutStopSec=300",
        "LimitCORE=0",
        "NoNewPrivileges=yes",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    assert!(unit.contains("LoadCredential=log.seed:"));
}

/// The exposure that systemd computes, if this machine has systemd at all.
#[test]
fn the_units_exposure_is_what_the_readme_says() {
    let unit = deploy().join("breakglass.service");
    let Ok(done) = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&unit)
        .output()
    else {
        return;
    };
    let said = String::from_utf8_lossy(&done.stdout);
    let level = said
        .split("breakglass.service: ")
        .nth(1)
        .unwrap_or_default();
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= 2.0, "exposure {level}:\n{said}");
    let readme = std::fs::read_to_string(deploy().parent().unwrap().join("README.md")).unwrap();
    assert!(
        readme.contains("systemd-analyze security"),
        "the README tells the score"
    );
}

#[test]
fn completions_and_man_pages_are_made() {
    let binary = env!("CARGO_BIN_EXE_breakglass");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = Command::new(binary)
            .args(["completions", shell])
            .output()
            .unwrap();
        assert!(done.status.success());
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(
            text.contains("approve") && text.contains("follow"),
            "{shell}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    let done = Command::new(binary).arg("man").arg(&dir).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    for page in [
        "breakglass.1",
        "breakglass-approve.1",
        "breakglass-alert-test.1",
    ] {
        let text = std::fs::read_to_string(dir.join(page)).unwrap();
        assert!(
            text.contains(".SH NAME") && text.contains("EXTRA"),
            "{page}"
        );
    }
}
