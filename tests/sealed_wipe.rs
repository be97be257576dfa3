//! Zero copies remain: a child process checks, unseals and wipes like the server, while this
//! process scans the child's memory from outside for shares, identity and credential.
//!
//! The child is this test binary again, told by an environment variable. It gets ciphertext only,
//! so every plain copy found in it was made by `sealed`.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the finding"
)]
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bech32::{Bech32, Hrp};
use breakglass::sealed::allocator::Allocator;
use breakglass::sealed::ceremony::{Dealt, Holder};
use breakglass::sealed::envelope::seal_credential;
use breakglass::sealed::epoch::EpochName;
use breakglass::sealed::loaded_key::LoadedKey;
use breakglass::sealed::possession::PossessionKey;
use breakglass::sealed::release::{ReleaseLabel, seal_release};
use breakglass::sealed::secret::{Credential, SecretText};
use breakglass::sealed::shamir::combine;
use breakglass::sealed::share::{OpenedShare, open_share};
use breakglass::sealed::unlocker::Unlocker;
use breakglass::sealed::vault::{EpochKeys, IncidentKey, Submission};
use secrecy::ExposeSecret as _;

/// The real binary's: what is freed is zeroed.
#[global_allocator]
static ALLOCATOR: Allocator = breakglass::sealed::allocator::ALLOCATOR;

const ROLE: &str = "BREAKGLASS_TEST_WIPE_ROLE";
const DOCUMENT: &[u8] = br#"{"act":"approve"}"#;

fn name() -> EpochName {
    EpochName::new("vault-1", "live", 7).unwrap()
}

fn label() -> ReleaseLabel {
    ReleaseLabel {
        name: name(),
        incident: "inc-1".into(),
        terms_sha256: [0x22; 32],
        nonce: "n0nce".into(),
    }
}

// ---- the child --------------------------------------------------------------------------------

#[test]
fn child_of_the_wipe_test() {
    match std::env::var_os(ROLE) {
        None => {}
        Some(role) if role == "serve" => serve(),
        Some(_) => hold(),
    }
}

/// Tells the parent something, in a line it can find among the test harness's own.
fn tell(what: &str) {
    println!("##{what}");
    std::io::stdout().flush().unwrap();
}

fn hear() -> Vec<u8> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    hex::decode(line.trim()).unwrap()
}

fn serve() {
    let key = IncidentKey::generate().unwrap();
    tell(key.recipient());
    let keys = EpochKeys {
        k: 3,
        n: 5,
        recipient: String::from_utf8(hear()).unwrap(),
        possession_keys: (0..5).map(|_| hear().try_into().unwrap()).collect(),
    };
    let sealed_credential = hear();
    let mut envelopes = Vec::new();
    for index in [1, 2, 3, 4] {
        let envelope = hear();
        let signature: [u8; 64] = hear().try_into().unwrap();
        let submission = Submission {
            index,
            envelope: &envelope,
            document: DOCUMENT,
            possession_signature: &signature,
        };
        match key.check_envelope(&submission, &label(), &keys) {
            Ok(checked) => envelopes.push((checked.index, envelope)),
            Err(error) => assert_eq!(index, 4, "{error}"),
        }
    }
    tell("checked");
    hear();
    let lent: Vec<(u8, &[u8])> = envelopes.iter().map(|(i, e)| (*i, &e[..])).collect();
    let credential = key
        .unseal(&lent, &label(), &keys, &sealed_credential)
        .unwrap();
    tell("unsealed");
    hear();
    drop(credential);
    tell("wiped");
    hear();
}

/// Holds what it is told, to show that the scan finds what is there.
fn hold() {
    let held: Vec<Vec<u8>> = (0..4).map(|_| hear()).collect();
    tell("held");
    hear();
    drop(held);
    tell("dropped");
    hear();
}

// ---- the parent -------------------------------------------------------------------------------

struct Served {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Served {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_of_the_wipe_test", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        writeln!(self.stdin, "{}", hex::encode(bytes)).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "child ended");
            if let Some((_, said)) = line.split_once("##") {
                return said.trim().to_owned();
            }
        }
    }

    fn copies(&self, canary: &[u8]) -> usize {
        self.memory().copies(canary)
    }

    /// All of the child's readable memory that exists. The allocator reserves gigabytes and touches a
    /// few megabytes of them: pages never touched are left out, no region is.
    fn memory(&self) -> Memory {
        let pid = self.child.id();
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
        let pagemap = std::fs::File::open(format!("/proc/{pid}/pagemap")).unwrap();
        let mut runs = Vec::new();
        for (from, to) in maps.lines().filter_map(readable_region) {
            for (from, to) in touched(&pagemap, from, to) {
                let mut bytes = vec![0; to - from];
                memory.read_exact_at(&mut bytes, from as u64).unwrap();
                runs.push(bytes);
            }
        }
        Memory(runs)
    }

    fn end(mut self) {
        drop(self.stdin);
        self.child.wait().unwrap();
    }
}

/// What a process held at one moment, in runs of neighbouring pages.
struct Memory(Vec<Vec<u8>>);

impl Memory {
    fn copies(&self, canary: &[u8]) -> usize {
        let found = |run: &Vec<u8>| memchr::memmem::find_iter(run, canary).count();
        self.0.iter().map(found).sum()
    }
}

fn readable_region(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split(' ');
    let (from, to) = words.next()?.split_once('-')?;
    let readable = words.next()?.starts_with('r') && !line.contains("[v");
    let from = usize::from_str_radix(from, 16).ok()?;
    let to = usize::from_str_radix(to, 16).ok()?;
    readable.then_some((from, to))
}

/// Runs of pages of a region that are in memory or swapped out: bits 63 and 62 of an entry
/// (Documentation/admin-guide/mm/pagemap.rst). The others were never written.
fn touched(pagemap: &std::fs::File, from: usize, to: usize) -> Vec<(usize, usize)> {
    let page_bytes = rustix::param::page_size();
    let mut entries = vec![0; (to - from) / page_bytes * 8];
    let at = (from / page_bytes * 8) as u64;
    pagemap.read_exact_at(&mut entries, at).unwrap();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (page, entry) in entries.chunks_exact(8).enumerate() {
        if entry[7] & 0b1100_0000 == 0 {
            continue;
        }
        let start = from + page * page_bytes;
        match runs.last_mut() {
            Some(run) if run.1 == start => run.1 += page_bytes,
            _ => runs.push((start, start + page_bytes)),
        }
    }
    runs
}

/// Every form in which 32 secret bytes might lie about: raw, as hex, and bitsliced as the Shamir
/// crate computes; in pieces of 8 secret bytes, for copies partly overwritten. No piece is shorter
/// than 64 bits: it would be found by chance now and then.
fn forms_of(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(secret).into_bytes();
    [(secret, 8), (&hex, 16), (&bitsliced(secret), 8)]
        .into_iter()
        .flat_map(|(form, piece)| form.chunks(piece).map(<[u8]>::to_vec))
        .collect()
}

/// Bit `i` of every byte in one 32-bit word, little-endian words as on x86-64 and arm64.
fn bitsliced(secret: &[u8]) -> Vec<u8> {
    (0..8)
        .flat_map(|bit| {
            let word = secret.iter().enumerate().fold(0u32, |word, (i, byte)| {
                word | u32::from(byte >> bit & 1) << i
            });
            word.to_le_bytes()
        })
        .collect()
}

struct Epoch {
    dealt: Dealt,
    shares: Vec<OpenedShare>,
    /// Drawn here, because a literal would stand in the child's binary too.
    client_secret: String,
    /// What must not be found: of shares and identity.
    forms: Vec<(String, Vec<u8>)>,
}

#[expect(clippy::disallowed_methods, reason = "the test knows what to look for")]
fn deal() -> Epoch {
    let dealt = Dealt::new(name(), 3, 5).unwrap();
    let custodian = LoadedKey::generate_ed25519("ada").unwrap();
    let holders: Vec<Holder> = (1..=5)
        .map(|index| Holder {
            index,
            unlockers: vec![Unlocker::parse(custodian.public().text()).unwrap()],
        })
        .collect();
    let sealed = dealt.seal_shares([0; 32], &holders).unwrap();
    let shares: Vec<OpenedShare> = sealed
        .iter()
        .map(|sealed| open_share(&sealed.file, custodian.opener().unwrap()).unwrap())
        .collect();
    let mut forms = Vec::new();
    for opened in &shares {
        let what = format!("share {}", opened.share().index());
        for form in forms_of(opened.share().y().expose_secret()) {
            forms.push((what.clone(), form));
        }
    }
    let lent: Vec<_> = shares.iter().map(OpenedShare::share).collect();
    let identity = combine(&lent, 3, 5).unwrap();
    for form in forms_of(identity.expose_secret()) {
        forms.push(("identity".to_owned(), form));
    }
    let prefix = Hrp::parse("age-secret-key-").unwrap();
    let text = bech32::encode_upper::<Bech32>(prefix, identity.expose_secret()).unwrap();
    forms.push(("identity text".to_owned(), text.as_bytes()[20..45].to_vec()));
    let text = text.to_lowercase().into_bytes();
    forms.push(("identity text".to_owned(), text[20..45].to_vec()));
    let mut client_secret = [0; 20];
    getrandom::fill(&mut client_secret).unwrap();
    Epoch {
        dealt,
        shares,
        client_secret: format!("dose{}", hex::encode(client_secret)),
        forms,
    }
}

fn assert_none(served: &Served, epoch: &Epoch, when: &str) {
    let memory = served.memory();
    for (what, form) in &epoch.forms {
        assert_eq!(memory.copies(form), 0, "{what} in memory {when}");
    }
}

fn send_everything(served: &mut Served, epoch: &Epoch, recipient: &str) {
    served.say(epoch.dealt.recipient().as_bytes());
    for key in epoch.dealt.possession_keys() {
        served.say(key);
    }
    let credential = Credential {
        client_id: "app".into(),
        client_secret: SecretText::copied_from(&epoch.client_secret).unwrap(),
        secret_id: "sec".into(),
        expires_at_ms: 1,
    };
    let sealed = seal_credential(&name(), &credential, epoch.dealt.recipient()).unwrap();
    served.say(&sealed);
    // Shares 1 to 3, and share 5 where share 4 belongs: a refused one must be wiped as well.
    for place in [0, 1, 2, 4] {
        let share = epoch.shares[place].share();
        let envelope = seal_release(&label(), share, recipient).unwrap();
        let signature = PossessionKey::derive(share, &name()).sign_release(&envelope, DOCUMENT);
        served.say(&envelope);
        served.say(&signature);
    }
}

#[test]
fn no_copy_of_share_identity_or_credential_is_left_after_the_wipe() {
    let epoch = deal();
    let mut served = Served::start("serve");
    let recipient = served.hear();
    send_everything(&mut served, &epoch, &recipient);
    assert_eq!(served.hear(), "checked");
    assert_none(&served, &epoch, "after checking envelopes");
    served.say(b"");
    assert_eq!(served.hear(), "unsealed");
    let credential = epoch.client_secret.as_bytes();
    assert_eq!(served.copies(credential), 1, "the one in locked memory");
    assert_none(&served, &epoch, "while unsealed");
    served.say(b"");
    assert_eq!(served.hear(), "wiped");
    for part in credential[4..].chunks(20) {
        assert_eq!(served.copies(part), 0, "credential after the wipe");
    }
    assert_none(&served, &epoch, "after the wipe");
    served.say(b"");
    served.end();
}

#[test]
fn the_scan_finds_what_is_held_and_nothing_once_it_is_dropped() {
    let mut canaries = vec![vec![0u8; 32]; 4];
    for canary in &mut canaries {
        getrandom::fill(canary).unwrap();
    }
    let mut served = Served::start("hold");
    for canary in &canaries {
        served.say(canary);
    }
    assert_eq!(served.hear(), "held");
    for canary in &canaries {
        assert!(served.copies(&canary[16..]) >= 1);
    }
    served.say(b"");
    assert_eq!(served.hear(), "dropped");
    for canary in &canaries {
        // The allocator itself overwrites the start of what is freed; the end tells.
        assert_eq!(served.copies(&canary[16..]), 0);
    }
    served.say(b"");
    served.end();
}
