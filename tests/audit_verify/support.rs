//! A deterministic sample log, its export in memory, and readers for both.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

use breakglass::audit::checkpoint::Checkpoint;
use breakglass::audit::entry::{Draft, stamp};
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::note::{Note, NoteSigner};
use breakglass::audit::verify::{Expectations, ExportSource, MAX_FILE_BYTES, Report, verify};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const ORIGIN: &str = "vault.example/log/vault-1/e1";
const START_MS: i64 = 1_767_225_600_000;

pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

pub fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub fn draft(kind: &str, members: Value) -> Draft {
    let Value::Object(members) = members else {
        panic!("an object")
    };
    Draft {
        kind: kind.to_owned(),
        members,
    }
}

/// Writes entries one after the other as the vault would.
pub struct SampleLog {
    pub chance: Chance,
    pub entries: Vec<Vec<u8>>,
    pub objects: Vec<(String, Vec<u8>)>,
    seq: u64,
    now_ms: i64,
    open: Vec<u64>,
}

impl SampleLog {
    pub fn new(seed: u64) -> Self {
        let mut log = Self {
            chance: Chance(seed * 2 + 1),
            entries: Vec::new(),
            objects: Vec::new(),
            seq: 0,
            now_ms: START_MS,
            open: Vec::new(),
        };
        let real: Value =
            serde_json::from_str(include_str!("../vectors/sealed/versions.json")).unwrap();
        let text = |name: &str| real[name].as_str().unwrap().as_bytes();
        let roster = log.object("roster", "", text("roster"));
        let policy = log.object("policy", "", text("policy"));
        let vkey = signer().verifier_key().to_string();
        log.add(
            "log.genesis",
            json!({"origin": ORIGIN, "epoch": 1, "vkey": vkey,
            "vault": "vault-1", "policy_sha256": policy, "roster_sha256": roster}),
        );
        let terms = log.object("terms", "breakglass/terms/v1\n", br#"{"reason":"rio"}"#);
        log.add(
            "incident.opened",
            json!({"inc": "i1", "terms_sha256": terms}),
        );
        log.add(
            "session.open",
            json!({"sid": "s1", "inc": "i1", "actor": "rio",
            "exp_ms": START_MS * 2}),
        );
        log
    }

    pub fn object(&mut self, folder: &str, prefix: &str, bytes: &[u8]) -> String {
        let hash = hex::encode(
            Sha256::new()
                .chain_update(prefix)
                .chain_update(bytes)
                .finalize(),
        );
        self.objects
            .push((format!("{folder}/{hash}.json"), bytes.to_vec()));
        hash
    }

    pub fn add(&mut self, kind: &str, members: Value) -> u64 {
        self.now_ms += i64::try_from(self.chance.below(40)).unwrap();
        let seq = self.seq;
        self.seq += 1;
        let bytes = stamp(&draft(kind, members), seq, self.now_ms, "n1", "00c0ffee").unwrap();
        self.entries.push(bytes);
        seq
    }

    /// One more entry or two of what a session logs.
    pub fn step(&mut self) {
        let cid = format!("c{}", self.seq);
        match self.chance.below(20) {
            0 => drop(self.add("log.tick", json!({}))),
            1 => drop(self.add(
                "deny",
                json!({"sid": "s1", "inc": "i1", "why": "scope \u{1}ä😀",
                "method": "GET", "route": "/api/2.0/x"}),
            )),
            2 => {
                let from = self.now_ms;
                self.now_ms -= 60_000;
                self.add("clock.jump", json!({"from_ms": from, "to_ms": self.now_ms}));
            }
            3..10 if !self.open.is_empty() => {
                let at = self.chance.below(self.open.len() as u64);
                let begin = self.open.swap_remove(usize::try_from(at).unwrap());
                let cid = format!("c{begin}");
                match self.chance.below(10) {
                    0 => drop(self.add(
                        "call.abort",
                        json!({"cid": cid, "begin": begin,
                        "why": "closed"}),
                    )),
                    1 => drop(self.add("call.lost", json!({"cid": cid, "begin": begin}))),
                    odd => {
                        if odd == 2 {
                            self.add(
                                "call.head",
                                json!({"cid": cid, "begin": begin,
                                "status": 200}),
                            );
                        }
                        self.add(
                            "call.end",
                            json!({"cid": cid, "begin": begin, "status": 200,
                            "ms": 12, "ended": "complete",
                            "res": {"len": 10, "sha256": "ab"}, "req": {"len": 0, "sha256": "cd"}}),
                        );
                    }
                }
            }
            _ => {
                let begin = self.add(
                    "call.begin",
                    json!({"cid": cid, "sid": "s1", "inc": "i1",
                    "actor": "rio", "method": "GET", "host": "account",
                    "route": "/api/2.0/clusters/list", "path_sha256": "ef", "cls": "read",
                    "pol": "01", "req": {"len": 0}}),
                );
                self.open.push(begin);
            }
        }
    }

    /// Two nodes' emergency logs, bound in turn; the second node's lost its file in between.
    pub fn with_emergency_logs(seed: u64) -> Self {
        let mut log = Self::grown(seed, 20);
        let mut one = Emergency::of("n1", 1);
        let mut two = Emergency::of("n2", 2);
        for node in [&one, &two] {
            node.open(&mut log, 0);
        }
        for _ in 0..3 {
            one.bind(&mut log, 2);
            two.bind(&mut log, 1);
            log.step();
        }
        let members = json!({"origin": two.origin(), "had": 3, "found": 1});
        log.add("emergency.cut", members);
        two = Emergency::of("n2", 2);
        two.open(&mut log, 0);
        two.bind(&mut log, 3);
        log.step();
        log
    }

    /// A decoy is dealt, rehearsed over, and followed by the next one, beside other work.
    pub fn with_a_drill(seed: u64) -> Self {
        let mut log = Self::grown(seed, 10);
        let dealt = |epoch: u32| json!({"drill": true, "epoch": epoch, "manifest_sha256": "ab"});
        log.add("drill.dealt", dealt(1));
        log.add("incident.opened", json!({"drill": true, "inc": "INC-9"}));
        log.step();
        log.add("share.accept", json!({"drill": true, "inc": "INC-9"}));
        log.add("cp.seen", json!({"drill": true}));
        log.add("drill.dealt", dealt(2));
        log.step();
        log
    }

    pub fn grown(seed: u64, size: u64) -> Self {
        let mut log = Self::new(seed);
        while log.seq < size {
            log.step();
        }
        log
    }

    pub fn checkpoint(&self, size: usize) -> Note {
        checkpoint_of(&self.entries[..size])
    }
}

pub fn checkpoint_of(entries: &[Vec<u8>]) -> Note {
    let mut edge = Edge::new();
    entries
        .iter()
        .for_each(|entry| edge.push(leaf_hash(entry)).unwrap());
    let (origin, size, root) = (ORIGIN.to_owned(), edge.size(), edge.root());
    Checkpoint { origin, size, root }.sign(&signer()).unwrap()
}

/// An export held in memory.
#[derive(Clone, Default)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl Files {
    pub fn of(log: &SampleLog) -> Self {
        let half = [log.checkpoint(log.entries.len() / 2)];
        Self::with_earlier(log, &half)
    }

    pub fn with_earlier(log: &SampleLog, earlier: &[Note]) -> Self {
        let head = log.checkpoint(log.entries.len());
        let keys = [signer().verifier_key().clone()];
        let parts = ExportParts {
            checkpoint: &head,
            log_keys: &keys,
            earlier,
            objects: &log.objects,
        };
        let mut files = Self::default();
        let entries = log.entries.iter().cloned().map(Ok::<_, io::Error>);
        export(&parts, entries, &mut |path, bytes| {
            files
                .0
                .entry(path.to_owned())
                .or_default()
                .extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        files
    }

    pub fn write(&self, root: &std::path::Path) {
        for (path, bytes) in &self.0 {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    pub fn verify(&self) -> Report {
        verify(
            self,
            &Expectations {
                threads: 2,
                ..Expectations::default()
            },
        )
    }
}

impl ExportSource for Files {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let start = format!("{folder}/");
        let names = self.0.keys().filter_map(|path| path.strip_prefix(&start));
        Ok(names
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(self
            .0
            .get(path)
            .map(|bytes| Box::new(bytes.as_slice()) as Box<dyn Read + Send>))
    }
}

/// An export in a directory.
pub struct Directory(pub PathBuf);

impl ExportSource for Directory {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        match std::fs::read_dir(self.0.join(folder)) {
            Ok(entries) => entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect(),
            Err(_) => Ok(Vec::new()),
        }
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        match std::fs::File::open(self.0.join(path)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One node's emergency log.
struct Emergency {
    signer: NoteSigner,
    edge: Edge,
}

impl Emergency {
    fn of(node: &str, seed: u8) -> Self {
        let origin = format!("{ORIGIN}/emergency/{node}");
        Self {
            signer: NoteSigner::from_seed(&origin, &[seed; 32]).unwrap(),
            edge: Edge::new(),
        }
    }

    fn origin(&self) -> &str {
        self.signer.verifier_key().name()
    }

    fn open(&self, log: &mut SampleLog, size: u64) {
        let vkey = self.signer.verifier_key().to_string();
        let members = json!({"origin": self.origin(), "vkey": vkey, "size": size});
        log.add("emergency.opened", members);
    }

    fn bind(&mut self, log: &mut SampleLog, entries: usize) {
        for _ in 0..entries {
            let seq = self.edge.size();
            let inner = draft("emergency.begun", json!({"why": "a broken disk ä"}));
            let inner = stamp(&inner, seq, START_MS, "n", "00c0ffee").unwrap();
            self.edge.push(leaf_hash(&inner)).unwrap();
            let text = String::from_utf8(inner).unwrap();
            let members = json!({"origin": self.origin(), "entry": text});
            log.add("emergency.entry", members);
        }
        let checkpoint = Checkpoint {
            origin: self.origin().to_owned(),
            size: self.edge.size(),
            root: self.edge.root(),
        };
        let note = checkpoint.sign(&self.signer).unwrap().to_string();
        let root = breakglass::audit::checkpoint::format_hash(&checkpoint.root);
        log.add(
            "emergency.bound",
            json!({"origin": self.origin(), "size": checkpoint.size, "root": root,
            "checkpoint": note}),
        );
    }
}
