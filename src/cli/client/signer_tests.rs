//! Signing with every kind of key that a file or an agent can hold, by stock OpenSSH.

use super::*;

const NAMESPACE: &str = "breakglass-approve";
const DOCUMENT: &[u8] = b"{\"act\":\"approve\"}";

fn make(folder: &Path, name: &str, kind: &[&str], passphrase: &str) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", name, "-N", passphrase, "-f"])
        .arg(&path)
        .arg("-t")
        .args(kind)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

fn load(path: &Path) -> Signer {
    Signer::load(&mut KeyRing::new(None), path).unwrap()
}

fn signs(signer: &Signer) {
    let armored = signer.sign(NAMESPACE, DOCUMENT).unwrap();
    signer
        .public()
        .verify(NAMESPACE, DOCUMENT, &armored)
        .unwrap();
}

#[test]
fn ed25519_and_p256_files_sign_here_and_rsa_files_by_ssh_keygen() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(&str, &[&str], bool); 3] = [
        ("ed25519", &["ed25519"], true),
        ("p256", &["ecdsa", "-b", "256"], true),
        ("rsa", &["rsa", "-b", "3072"], false),
    ];
    for (name, kind, own) in kinds {
        let signer = load(&make(folder.path(), name, kind, ""));
        assert_eq!(matches!(signer, Signer::Own(_)), own, "{name}");
        signs(&signer);
    }
}

/// An agent of this test's own, ended with it.
struct Agent {
    process: String,
    socket: PathBuf,
}

impl Agent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        // It goes to the background when it listens, and says which process it is then.
        let started = Command::new("ssh-agent")
            .arg("-a")
            .arg(&socket)
            .output()
            .unwrap();
        let said = String::from_utf8(started.stdout).unwrap();
        let process = said.split("SSH_AGENT_PID=").nth(1).unwrap();
        let process = process.split(';').next().unwrap().to_owned();
        Self { process, socket }
    }

    fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket);
        assert!(add.status().unwrap().success());
    }

    fn sign(&self, public: &Path) -> Result<String, CliError> {
        let mut command = command(public, true, NAMESPACE);
        command.env("SSH_AUTH_SOCK", &self.socket);
        run(command, true, DOCUMENT)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut end = Command::new("ssh-agent");
        end.arg("-k").env("SSH_AGENT_PID", &self.process);
        drop(end.stdout(Stdio::null()).status());
    }
}

#[test]
fn a_public_key_file_is_signed_for_by_the_agent_that_holds_the_key_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let held = make(folder.path(), "held", &["ed25519"], "");
    let stranger = make(folder.path(), "stranger", &["ed25519"], "");
    let agent = Agent::start(folder.path());
    agent.add(&held);
    // Only the agent can sign from here on.
    std::fs::remove_file(&held).unwrap();
    let public = held.with_extension("pub");
    let armored = agent.sign(&public).unwrap();
    let signer = load(&public);
    assert!(matches!(&signer, Signer::Keygen { agent: true, .. }));
    signer
        .public()
        .verify(NAMESPACE, DOCUMENT, &armored)
        .unwrap();
    let error = agent.sign(&stranger.with_extension("pub")).unwrap_err();
    assert_eq!(error.exit, Exit::NOT_ALLOWED);
}

#[test]
fn a_key_with_a_passphrase_that_only_ssh_keygen_can_sign_with_is_left_to_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(
        folder.path(),
        "rsa",
        &["rsa", "-b", "3072"],
        "correct horse",
    );
    assert!(matches!(load(&path), Signer::Keygen { agent: true, .. }));
}

#[test]
fn a_security_keys_public_half_is_taken_and_a_key_that_cannot_log_in_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealed");
    for name in ["sk_ed25519.pub", "sk_ecdsa.pub"] {
        let signer = load(&vectors.join(name));
        assert!(signer.public().is_security_key(), "{name}");
    }
    let short = make(folder.path(), "short", &["rsa", "-b", "2048"], "");
    let error = Signer::load(&mut KeyRing::new(None), &short.with_extension("pub"));
    assert!(error.err().unwrap().message.contains("2048"));
}
