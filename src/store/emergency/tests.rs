use super::*;
use crate::store::SecretLogSeed;

fn open(folder: &Path) -> Result<EmergencyLog, StoreError> {
    let identity = LogIdentity {
        origin: "vault.example/log/v/e1".to_owned(),
        seed: SecretLogSeed::new([9; 32]),
        node: "n1".to_owned(),
        boot: "00000001".to_owned(),
    };
    EmergencyLog::open(folder, identity)
}

fn draft(kind: &str) -> Draft {
    Draft {
        kind: kind.to_owned(),
        members: serde_json::Map::new(),
    }
}

#[test]
fn what_was_appended_is_there_after_a_crash_and_a_torn_line_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.origin(), "vault.example/log/v/e1/emergency/n1");
    log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
    log.append(&draft("emergency.ended"), Timestamp(2)).unwrap();
    let (before, note) = log.checkpoint().unwrap();
    assert_eq!((before.size, note.lines().nth(1)), (2, Some("2")));
    drop(log);
    let path = folder.path().join("emergency.ndjson");
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"{\"torn\":").unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.checkpoint().unwrap().0, before);
    log.append(&draft("emergency.begun"), Timestamp(3)).unwrap();
    assert_eq!(log.entries(1).unwrap().len(), 2);
    assert_eq!(open(folder.path()).unwrap().size(), 3);
}

#[test]
fn a_removed_line_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    for _ in 0..3 {
        log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
    }
    let path = folder.path().join("emergency.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    let cut: Vec<&str> = text.lines().skip(1).collect();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("entry 0 is missing"), "{error}");
}

#[test]
fn lines_cut_off_the_end_are_found_by_the_checkpoint_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    for _ in 0..3 {
        log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
    }
    let path = folder.path().join("emergency.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    let cut: Vec<&str> = text.lines().take(2).collect();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.cut(), Some(Cut { had: 3, found: 2 }));
    // An empty file is no better.
    fs::write(&path, "").unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.cut(), Some(Cut { had: 3, found: 0 }));
    // The same number of entries, but others.
    fs::write(&path, text.replace("\"ts\":1,", "\"ts\":2,")).unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.cut(), Some(Cut { had: 3, found: 3 }));
    log.begin_anew().unwrap();
    log.append(&draft("emergency.begun"), Timestamp(3)).unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!((log.cut(), log.size()), (None, 1));
}

#[test]
fn a_crash_between_an_entry_and_its_checkpoint_is_no_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
    let older = fs::read(folder.path().join("emergency.hw")).unwrap();
    log.append(&draft("emergency.ended"), Timestamp(2)).unwrap();
    fs::write(folder.path().join("emergency.hw"), older).unwrap();
    assert_eq!(open(folder.path()).unwrap().cut(), None);
    // A checkpoint that another key signed is none.
    let foreign = fs::read_to_string(folder.path().join("emergency.hw")).unwrap();
    let forged = foreign.replacen("\n1\n", "\n0\n", 1);
    fs::write(folder.path().join("emergency.hw"), forged).unwrap();
    let found = open(folder.path()).unwrap().cut();
    assert_eq!(found, Some(Cut { had: 2, found: 2 }));
}

#[test]
fn what_was_sealed_meanwhile_is_kept_under_its_hash_and_a_changed_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    let sha256 = log.keep(b"sealed").unwrap();
    assert_eq!(log.kept(&sha256).unwrap().unwrap(), b"sealed");
    let path = folder
        .path()
        .join(format!("emergency.{}.sealed", sha256.hex()));
    fs::write(&path, b"Sealed").unwrap();
    assert_eq!(log.kept(&sha256).unwrap(), None);
    log.drop_kept(&sha256);
    assert!(!path.exists());
    assert_eq!(log.kept(&sha256).unwrap(), None);
    // What cannot be read is not missing.
    fs::create_dir(&path).unwrap();
    log.kept(&sha256).unwrap_err();
}

#[test]
fn more_than_one_entry_beyond_the_checkpoint_is_told_and_so_is_a_checkpoint_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    let mark = folder.path().join("emergency.hw");
    log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
    let older = fs::read(&mark).unwrap();
    for _ in 0..2 {
        log.append(&draft("secret.post"), Timestamp(2)).unwrap();
    }
    assert!(open(folder.path()).unwrap().was_marked());
    fs::write(&mark, older).unwrap();
    let found = open(folder.path()).unwrap().cut();
    assert_eq!(found, Some(Cut { had: 1, found: 3 }));
    fs::remove_file(&mark).unwrap();
    assert!(!open(folder.path()).unwrap().was_marked());
}
