//! The rules about the sources themselves: who imports whom (DESIGN §5), what the rules may not
//! know, where secrets may be looked at. Reads `src/` as text; no compiler needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms it may import. What is not listed may be imported by nobody.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("sealed", &["domain"]),
    ("audit", &["domain"]),
    ("alerts", &["domain"]),
    ("api", &["domain"]),
    ("databricks", &["domain", "sealed"]),
    ("store", &["domain", "sealed", "audit"]),
    // `api` holds plain types without behaviour; the story answers in them, so that the door
    // translates transport and nothing more.
    (
        "app",
        &[
            "domain",
            "sealed",
            "audit",
            "store",
            "databricks",
            "alerts",
            "api",
        ],
    ),
    // The accept loop knows nothing of ours; the doors it serves may know its types.
    ("listen", &[]),
    ("proxy", &["domain", "app", "listen"]),
    ("workers", &["domain", "app"]),
    ("web", &["domain", "audit", "api", "app", "listen"]),
    // Only the `Config` type of each.
    (
        "config",
        &[
            "domain",
            "store",
            "databricks",
            "alerts",
            "proxy",
            "web",
            "workers",
            "listen",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "sealed",
            "audit",
            "alerts",
            "api",
            "databricks",
            "store",
            "app",
            "listen",
            "proxy",
            "workers",
            "web",
            "config",
            "simulator",
        ],
    ),
    ("simulator", &[]),
];

/// Files that may look at a secret, each with its reason. The first four kinds are those of
/// DESIGN §4.5; alerts may look at the passwords of their own channels only.
const MAY_LOOK: &[(&str, &str)] = &[
    (
        "sealed/",
        "everything that may look at a share, identity or credential",
    ),
    (
        "databricks/token.rs",
        "trades the secret for tokens and writes the header",
    ),
    (
        "databricks/secrets.rs",
        "moves a new secret's value into locked memory",
    ),
    (
        "cli/init.rs",
        "moves the secret a person gave into locked memory",
    ),
    (
        "cli/init/guided/place.rs",
        "writes a channel's secret, as typed, to the file the configuration names",
    ),
    (
        "cli/client/keys.rs",
        "hands a passphrase to the key's decryption",
    ),
    (
        "cli/client/state.rs",
        "writes login, claim key and session token to the state folder",
    ),
    (
        "cli/paper/sheet.rs",
        "writes a paper's text onto the sheet its keeper asked for",
    ),
    (
        "cli/demo/checks.rs",
        "is the demo's Databricks client, and searches the disk for secrets",
    ),
    ("alerts/mail.rs", "gives the SMTP password to lettre"),
    ("alerts/webhook.rs", "keys the HMAC of the webhook"),
    (
        "alerts/http.rs",
        "dials and hashes an address that is the secret",
    ),
    ("alerts/pagerduty.rs", "puts the routing key into the event"),
];

/// Files that may hold Linux-only code behind `cfg`.
/// (`app/clock.rs`: the boot clock has another name elsewhere).
const LINUX_ONLY: &[&str] = &[
    "listen/",
    "sealed/locked.rs",
    "cli/serve.rs",
    "app/clock.rs",
];

/// Folders that are built or fetched, not written.
const BUILT: &[&str] = &["target", ".git", "node_modules", "fuzz/corpus"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, as path relative to it and text.
fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let name = path
                .strip_prefix(folder)
                .expect("it was found below")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !BUILT.iter().any(|built| path.ends_with(built)) {
                    waiting.push(path);
                }
            } else if wanted(&name)
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.insert(name, text);
            }
        }
    }
    found
}

fn sources() -> BTreeMap<String, String> {
    let sources = files(&root().join("src"), &|name| name.ends_with(".rs"));
    assert!(sources.len() > 50, "found only {} sources", sources.len());
    sources
        .into_iter()
        .map(|(name, text)| (name, code(&text)))
        .collect()
}

/// The text without comments, so that prose may name what code may not use.
fn code(text: &str) -> String {
    let line = |line: &str| match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => line[..at].to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().expect("split gives one part")
}

/// Rooms named by `crate::room`, `breakglass::room` and `crate::{a, b::{c, d}}`.
fn imported(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for start in ["crate::", "breakglass::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(group_heads(group)),
                None => rooms.extend(first_word(rest)),
            }
        }
    }
    rooms
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}

/// First words of the members of a `use` group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut start) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && depth == 0 && !c.is_whitespace() => {
                heads.extend(first_word(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    heads
}

fn violations(found: Vec<String>) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_of_the_library_has_a_row_and_nothing_else_has() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms: BTreeSet<&str> = code(&lib)
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod "))
        .map(|l| {
            TABLE
                .iter()
                .map(|(room, _)| *room)
                .find(|room| l == format!("{room};"))
                .unwrap_or("?")
        })
        .collect();
    let rows: BTreeSet<&str> = TABLE.iter().map(|(room, _)| *room).collect();
    assert_eq!(rooms, rows);
}

#[test]
fn rooms_import_only_what_the_table_says() {
    let rooms: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let room = room_of(&file);
        let Some(allowed) = rooms.get(room) else {
            continue;
        };
        for other in imported(&code) {
            let ours = rooms.contains_key(other.as_str());
            if ours && other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!(
                    "src/{file} imports {other}, which {room} may not know"
                ));
            }
        }
    }
    violations(wrong);
}

#[test]
fn the_table_itself_has_no_circle_and_keeps_the_doors_apart() {
    let rooms: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    for (room, allowed) in TABLE {
        let (mut seen, mut waiting) = (BTreeSet::new(), allowed.to_vec());
        while let Some(next) = waiting.pop() {
            if seen.insert(next) {
                waiting.extend(rooms[next]);
            }
        }
        assert!(!seen.contains(room), "{room} imports itself by a detour");
        assert!(!seen.contains("cli"), "{room} imports cli");
    }
    for door in ["web", "proxy", "workers"] {
        for other in [
            "web",
            "proxy",
            "workers",
            "store",
            "databricks",
            "alerts",
            "sealed",
        ] {
            assert!(!rooms[door].contains(&other), "{door} knows {other}");
        }
    }
    let knows = |wanted: &str| -> Vec<&str> {
        TABLE
            .iter()
            .filter(|(_, a)| a.contains(&wanted))
            .map(|(room, _)| *room)
            .collect()
    };
    assert_eq!(knows("simulator"), ["cli"]);
    assert_eq!(knows("config"), ["cli"]);
}

#[test]
fn no_path_climbs_out_of_its_room_by_super() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let parts = file
            .trim_end_matches(".rs")
            .split('/')
            .filter(|p| *p != "mod");
        let depth = parts.count();
        if file == "lib.rs" || file == "main.rs" {
            continue;
        }
        for line in code.lines() {
            let climbs = line.matches("super::").count();
            // An inner `mod tests` stands one level deeper; its lines are indented.
            let inner = usize::from(line.starts_with(' '));
            if climbs >= depth + inner {
                wrong.push(format!("src/{file}: {}", line.trim()));
            }
        }
    }
    violations(wrong);
}

#[test]
fn the_rules_never_wait_do_io_or_read_a_clock() {
    const BANNED: &[&str] = &[
        "async",
        "await",
        "tokio",
        "sqlx",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::io",
        "SystemTime",
        "Instant",
        "getrandom",
        "rand",
        "OsRng",
        "Utc::now",
        "Local::now",
        "reqwest",
        "hyper",
        "axum",
        "lettre",
        "rustix",
    ];
    let mut wrong = Vec::new();
    for (file, code) in sources()
        .into_iter()
        .filter(|(file, _)| room_of(file) == "domain")
    {
        let spread = spread_std_groups(&code);
        for word in BANNED {
            // Tests compare the canonicaliser with what real clients send.
            if file.ends_with("tests.rs") && ["reqwest", "hyper"].contains(word) {
                continue;
            }
            if spread
                .match_indices(word)
                .any(|(at, _)| is_whole(&spread, at, word))
            {
                wrong.push(format!("src/{file} uses {word}"));
            }
        }
    }
    violations(wrong);
}

/// Adds `std::x` for every member x of a `std::{…}` group.
fn spread_std_groups(code: &str) -> String {
    let mut spread = code.to_owned();
    for (at, start) in code.match_indices("std::{") {
        for head in group_heads(&code[at + start.len()..]) {
            spread.push_str(&format!("\nstd::{head}"));
        }
    }
    spread
}

fn is_whole(text: &str, at: usize, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    !text[..at].chars().next_back().is_some_and(part)
        && !text[at + word.len()..].chars().next().is_some_and(part)
}

#[test]
fn secrets_are_looked_at_only_where_the_list_says() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (file, code) in sources() {
        if !code.contains("expose_secret") {
            continue;
        }
        match MAY_LOOK.iter().find(|(place, _)| file.starts_with(place)) {
            None => wrong.push(format!("src/{file} looks at a secret")),
            Some((place, _)) => {
                used.insert(*place);
            }
        }
        let lifted = code.matches("clippy::disallowed_methods").count();
        if lifted == 0 {
            wrong.push(format!(
                "src/{file} calls expose_secret without #[expect(…, reason)]"
            ));
        }
    }
    violations(wrong);
    assert_eq!(
        used.len(),
        MAY_LOOK.len(),
        "the list names files that look at nothing"
    );
}

#[test]
fn unsafe_code_is_in_one_file() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(_, code)| {
            code.match_indices("unsafe")
                .any(|(at, w)| is_whole(code, at, w))
        })
        .map(|(file, _)| file)
        .collect();
    assert_eq!(found, ["sealed/locked.rs"]);
}

#[test]
fn no_lint_is_silenced_without_a_reason_that_expires() {
    let mut all = sources();
    all.extend(files(&root().join("tests"), &|name| name.ends_with(".rs")));
    let silenced = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let wrong = all
        .iter()
        .filter(|(_, code)| silenced.iter().any(|s| code.contains(s)))
        .map(|(file, _)| format!("{file} uses allow; use #[expect(…, reason = \"…\")]"));
    violations(wrong.collect());
}

#[test]
fn linux_only_code_is_where_clients_do_not_need_it() {
    let marks = ["target_os", "std::os::linux"];
    let wrong = sources()
        .into_iter()
        .filter(|(_, code)| marks.iter().any(|m| code.contains(m)))
        .filter(|(file, _)| !LINUX_ONLY.iter().any(|place| file.starts_with(place)))
        .map(|(file, _)| format!("src/{file} holds code for one system only"));
    violations(wrong.collect());
}

#[test]
fn every_runbook_that_an_error_names_exists() {
    let mut missing = BTreeSet::new();
    for (file, code) in sources() {
        for (at, _) in code.match_indices("fn runbook(") {
            let body = code[at..].split("\n    }").next().unwrap();
            // A function that hands on another's page names none itself.
            let names = body
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|name| !name.is_empty());
            for name in names {
                let page = root().join("runbooks").join(format!("{name}.md"));
                if !page.exists() {
                    missing.insert(format!("runbooks/{name}.md, named in src/{file}"));
                }
            }
        }
    }
    violations(missing.into_iter().collect());
}

#[test]
fn no_tracked_text_names_a_package_host_or_a_builders_machine() {
    let banned = [
        concat!("crates", ".io/"),
        concat!("pypi", ".org"),
        concat!("npmjs", ".org"),
        concat!("files.python", "hosted"),
        concat!("deb.", "debian.org"),
        concat!("docker", ".io/"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
    ];
    // The lock file is written by cargo; `.git` is a file where the sources are a worktree.
    let text = files(&root(), &|name| !["Cargo.lock", ".git"].contains(&name));
    let mut wrong = Vec::new();
    for (file, text) in &text {
        wrong.extend(
            banned
                .iter()
                .filter(|b| text.contains(*b))
                .map(|b| format!("{file} names {b}")),
        );
    }
    violations(wrong);
}

#[test]
fn the_reader_of_imports_sees_groups_and_ignores_comments() {
    let text = "use crate::{\n  store::{self, Commit},\n  domain::ids, // crate::web\n};\n\
                fn f() { crate::cli::run(); breakglass::proxy::go(); my_crate::api::x(); }";
    let rooms: Vec<String> = imported(&code(text)).into_iter().collect();
    assert_eq!(rooms, ["cli", "domain", "proxy", "store"]);
    assert!(spread_std_groups("use std::{fmt, fs};").contains("std::fs"));
    assert!(is_whole("use std::fs;", 4, "std::fs") && !is_whole("operand", 3, "rand"));
}
