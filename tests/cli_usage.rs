//! What a person meets before any vault answers: usage, enrolment missing, a damaged line.

use std::path::Path;
use std::process::{Command, Output};

fn breakglass(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_breakglass"))
        .args(arguments)
        .env_clear()
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .output()
        .expect("the binary was built by cargo")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the program writes utf-8")
}

#[test]
fn wrong_usage_is_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        &["frobnicate"][..],
        &["approve"],
        &["approve", "inc-7"],
        &["open", "--for", "soon"],
    ] {
        assert_eq!(
            breakglass(folder.path(), wrong).status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
}

#[test]
fn without_an_enrolment_every_command_says_so_with_exit_9() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["status"][..],
        &["login"],
        &["prove"],
        &["approve", "INC-7", "--phrase", "able able able"],
        &["run", "INC-7", "--", "true"],
        &["log", "head"],
    ] {
        let output = breakglass(folder.path(), command);
        assert_eq!(output.status.code(), Some(9), "{command:?}");
        assert!(
            stderr(&output).contains("breakglass enrol"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_damaged_enrol_line_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let line = "https://vault.example/#vault=prod-eu&person=ada&ca=-";
    let output = breakglass(folder.path(), &["enrol", line, "--key", "id_ed25519"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("log"), "{}", stderr(&output));
    assert!(!folder.path().join("config").exists());
}

#[test]
fn with_json_an_error_is_one_object_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let output = breakglass(folder.path(), &["--json", "status"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["code"], "not_enrolled");
    assert_eq!(object["error"]["exit"], 9);
}

#[test]
fn help_tells_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let output = breakglass(folder.path(), &["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(help.contains("130 interrupted"), "{help}");
}

#[test]
fn a_wrong_command_line_with_json_is_one_error_object() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_breakglass"))
        .args(["status", "--json", "--no-such-flag"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["code"], "usage");
    assert_eq!(object["error"]["exit"], 2);
    let message = object["error"]["message"].as_str().unwrap();
    assert!(message.contains("--no-such-flag"), "{message}");
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_breakglass"))
        .args(["status", "--json", "--help"])
        .output()
        .unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Usage"));
}
