//! What `deploy/` ships works: the example configurations are ones the vault accepts, the unit is
//! as strict as the README says, and the program makes its own completions and man pages.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
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

/// Paths are relative to the file, whatever folder the command runs in: the folder joins once.
#[test]
fn a_relative_path_to_a_configuration_in_another_folder_joins_that_folder_once() {
    // `cargo test` runs in the package's own folder.
    let (config, _) = Config::read(Path::new("deploy/examples/small.toml")).unwrap();
    let database = config.store().sqlite.unwrap();
    assert_eq!(database, config.data.join("vault.db"));
}

#[test]
fn one_example_has_every_kind_of_channel_and_the_watch() {
    let (config, _) = Config::read(&deploy().join("examples/every-channel.toml")).unwrap();
    let text = format!("{:?}", config.channels);
    for kind in ["Smtp(", "Webhook(", "Slack(", "Teams(", "PagerDuty("] {
        assert!(text.contains(kind), "{kind}");
    }
    assert!(config.watch.heartbeat_url_file.is_some() && config.watch.metrics_token_file.is_some());
}

#[test]
fn one_example_is_a_node_of_two_on_postgresql() {
    let (config, _) = Config::read(&deploy().join("examples/two-nodes.toml")).unwrap();
    let store = config.store();
    assert!(store.sqlite.is_none());
    let url_file = store.postgres_url_file.unwrap();
    assert_eq!(url_file.data, config.data, "this node's own files");
}

#[test]
fn the_unit_never_restarts_by_itself_and_gives_the_way_back_its_time() {
    let unit = std::fs::read_to_string(deploy().join("breakglass.service")).unwrap();
    for line in [
        "Restart=no",
        "TimeoutStopSec=300",
        "Type=notify",
        "TimeoutStartSec=infinity",
        "LimitCORE=0",
        "NoNewPrivileges=yes",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    assert!(unit.contains("LoadCredential=log.seed:"));
}

/// The service manager is told when the vault listens; a start may take as long as it takes.
#[test]
fn the_unit_waits_until_the_vault_says_that_it_is_ready() {
    let unit = std::fs::read_to_string(deploy().join("breakglass.service")).unwrap();
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "TimeoutStartSec=infinity",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
}

#[test]
fn the_unit_loads_exactly_the_credentials_that_its_example_names() {
    let unit = std::fs::read_to_string(deploy().join("breakglass.service")).unwrap();
    let example = std::fs::read_to_string(deploy().join("examples/small.toml")).unwrap();
    let after = |text: &str, mark: &str, end: char| -> BTreeSet<String> {
        let parts = text.split(mark).skip(1);
        parts
            .map(|part| part.split(end).next().unwrap().to_owned())
            .collect()
    };
    let loaded = after(&unit, "\nLoadCredential=", ':');
    assert_eq!(
        loaded,
        after(&example, "= \"/run/credentials/breakglass.service/", '"')
    );
    assert!(loaded.len() >= 5, "{loaded:?}");
}

/// A vault that is not there, with every secret as systemd hands it over: `-r--r-----`.
fn doctor(folder: &Path, given: bool) -> (bool, Vec<serde_json::Value>) {
    let secrets = folder.join("credentials");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder.join("data"), private).unwrap();
    for (name, content) in [
        ("log.seed", "00".repeat(32)),
        ("hook.secret", format!("whsec_{}", "QUFB".repeat(8))),
        ("chat.url", "https://chat.example.com/hook".to_owned()),
        ("metrics.token", "0123456789abcdef".repeat(2)),
        ("heartbeat.url", "http://127.0.0.1:9/beat".to_owned()),
    ] {
        let path = secrets.join(name);
        if !path.exists() {
            std::fs::write(&path, content).unwrap();
            let mode = std::fs::Permissions::from_mode(0o440);
            std::fs::set_permissions(&path, mode).unwrap();
        }
    }
    let config = folder.join("breakglass.toml");
    let text = r#"
        vault = "prod-eu"
        data = "data"
        log_seed_file = "credentials/log.seed"
        [console]
        listen = "127.0.0.1:1"
        url = "http://127.0.0.1:1"
        [proxy]
        plain_listen = "127.0.0.1:0"
        [databricks]
        account_host = "http://127.0.0.1:9"
        account_id = "11111111-2222-3333-4444-555555555555"
        application_id = "66666666-7777-8888-9999-000000000000"
        principal_id = 1
        [databricks.workspaces]
        "1" = "http://127.0.0.1:9"
        [[channels]]
        kind = "webhook"
        name = "hook"
        url = "http://127.0.0.1:9/hook"
        secret_file = "credentials/hook.secret"
        [[channels]]
        kind = "slack"
        name = "chat"
        url_file = "credentials/chat.url"
        [watch]
        metrics_token_file = "credentials/metrics.token"
        heartbeat_url_file = "credentials/heartbeat.url"
    "#;
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
    command.args(["doctor", "--json", "--config"]).arg(&config);
    command.env_remove("CREDENTIALS_DIRECTORY");
    if given {
        command.env("CREDENTIALS_DIRECTORY", &secrets);
    }
    let done = command.output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&done.stderr)));
    let healthy = said["healthy"].as_bool().unwrap();
    assert_eq!(done.status.success(), healthy);
    (healthy, said["answers"].as_array().unwrap().clone())
}

fn light<'a>(answers: &'a [serde_json::Value], about: &str) -> &'a str {
    let found = answers.iter().find(|answer| answer["about"] == about);
    found.unwrap_or_else(|| panic!("{about}: {answers:?}"))["light"]
        .as_str()
        .unwrap()
}

#[test]
fn a_credential_of_the_service_manager_may_show_its_access_list_as_group_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (_, answers) = doctor(folder.path(), true);
    assert_eq!(light(&answers, "file modes"), "green", "{answers:?}");
    let (_, answers) = doctor(folder.path(), false);
    assert_eq!(light(&answers, "file modes"), "red", "{answers:?}");
}

#[test]
fn every_secret_file_that_others_may_read_is_named() {
    for name in ["log.seed", "metrics.token", "heartbeat.url"] {
        let folder = tempfile::tempdir().unwrap();
        drop(doctor(folder.path(), true));
        let path = folder.path().join("credentials").join(name);
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, open).unwrap();
        let (_, answers) = doctor(folder.path(), true);
        let modes = answers
            .iter()
            .find(|answer| answer["about"] == "file modes");
        let modes = modes.unwrap();
        assert_eq!(modes["light"], "red", "{name}: {answers:?}");
        assert!(modes["found"].as_str().unwrap().contains(name), "{modes}");
    }
}

#[test]
fn a_vault_that_does_not_answer_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, answers) = doctor(folder.path(), true);
    assert_eq!(light(&answers, "running vault"), "red");
    assert!(!healthy);
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
        println!("skipped: no systemd-analyze here");
        return;
    };
    let complaint = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() && complaint.contains("--offline") {
        println!("skipped: this systemd-analyze judges no file: {complaint}");
        return;
    }
    let said = String::from_utf8_lossy(&done.stdout);
    let level = said
        .split("breakglass.service: ")
        .nth(1)
        .unwrap_or_default();
    let level = level.split_whitespace().next().expect(&complaint);
    let readme = std::fs::read_to_string(deploy().parent().unwrap().join("README.md")).unwrap();
    let told = format!("says exposure {level} (");
    assert!(
        readme.contains(&told),
        "the README tells another than {level}:\n{said}"
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

fn project() -> PathBuf {
    deploy().parent().unwrap().to_owned()
}

/// What the first stage of the image copies is all that cargo needs to read the package.
#[test]
fn the_image_is_built_from_files_that_are_there_and_are_enough() {
    let text = std::fs::read_to_string(deploy().join("Containerfile")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    for line in copies.filter(|line| !line.starts_with("--from")) {
        let mut paths: Vec<&str> = line.split_whitespace().collect();
        let to = folder.path().join(paths.pop().unwrap());
        for path in paths {
            let place = to.parent().unwrap();
            std::fs::create_dir_all(place).unwrap();
            let copied = Command::new("cp")
                .arg("-r")
                .arg(project().join(path))
                .arg(&to)
                .status()
                .unwrap();
            assert!(copied.success(), "{path} of the Containerfile is not there");
        }
    }
    let read = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--format-version=1"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{why}");
    // Files that the program takes in from outside its own folder.
    for (file, text) in rust_files(&folder.path().join("src")) {
        // What is compiled for tests only takes in what it likes.
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name == "tests" || name.ends_with("_tests") || file.to_str().unwrap().contains("/tests/")
        {
            continue;
        }
        for taken in text.split("include_str!(\"").skip(1) {
            let taken = taken.split('"').next().unwrap();
            let there = file.parent().unwrap().join(taken);
            assert!(
                there.exists(),
                "{file:?} takes in {taken}, which the image lacks"
            );
        }
    }
}

fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// What `cargo deny` would say of names and sources, wherever it is not installed.
#[test]
fn the_dependency_tree_has_no_banned_crate_and_one_source() {
    let rules: toml::Table = std::fs::read_to_string(project().join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let lock: toml::Table = std::fs::read_to_string(project().join("Cargo.lock"))
        .unwrap()
        .parse()
        .unwrap();
    let banned = rules["bans"]["deny"].as_array().unwrap();
    let banned: BTreeSet<&str> = banned
        .iter()
        .map(|b| b["crate"].as_str().unwrap())
        .collect();
    assert!(banned.contains("openssl"));
    let mut sources = BTreeSet::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.contains(name), "{name} is banned");
        sources.extend(package.get("source").and_then(toml::Value::as_str));
    }
    assert_eq!(sources.len(), 1, "{sources:?}");
}
