//! Kinds of keys as roster texts: which may log in, which may open a share (PROTOCOL §2). Whether a
//! key is intact is checked where keys are parsed, in `sealed`.

/// Key type and data of an OpenSSH key or recipient text: what makes two of them the same.
#[must_use]
pub fn comparable(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Host, credential id and public key of a passkey's text, as written; whether they are well made
/// is for `sealed`.
#[must_use]
pub fn passkey_parts(key: &str) -> Option<[&str; 3]> {
    let mut words = key.split_whitespace();
    let (Some("passkey"), Some(data)) = (words.next(), words.next()) else {
        return None;
    };
    let parts: Vec<&str> = data.split('/').collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// What is wrong with the kind of a login key, if anything (PROTOCOL §2).
#[must_use]
pub fn login_key_fault(key: &str) -> Option<&'static str> {
    match key.split_whitespace().next() {
        Some(
            "ssh-ed25519"
            | "ssh-rsa"
            | "ecdsa-sha2-nistp256"
            | "sk-ssh-ed25519@openssh.com"
            | "sk-ecdsa-sha2-nistp256@openssh.com",
        ) => None,
        Some("passkey") if passkey_parts(key).is_some() => None,
        Some("passkey") => Some("a passkey reads: passkey HOST/CREDENTIAL/KEY"),
        _ => Some(
            "a login key must be ssh-ed25519, ssh-rsa (3072 bits or more), ecdsa-sha2-nistp256, an sk- key or a passkey",
        ),
    }
}

/// What is wrong with the kind of an unlocker, if anything (PROTOCOL §2): the server must be able
/// to encrypt to it natively and never starts a plugin.
#[must_use]
pub fn unlocker_fault(unlocker: &str) -> Option<&'static str> {
    match unlocker.split_whitespace().next() {
        Some("ssh-ed25519" | "ssh-rsa") => None,
        Some(kind) if kind.starts_with("ecdsa-sha2-") || kind.starts_with("sk-") => {
            Some("this kind of key signs but cannot open a share: use it as a login key only")
        }
        Some(text) if text.starts_with("age1tag1") => None,
        // A plugin recipient's human-readable part ends in a second `1`; X25519's data part,
        // after `age1`, cannot hold one (BIP-173 leaves `1` out of its alphabet).
        Some(text)
            if text
                .strip_prefix("age1")
                .is_some_and(|data| data.contains('1')) =>
        {
            Some("the server would have to start a plugin for this recipient, which it never does")
        }
        Some(text) if text.starts_with("age1") => None,
        _ => Some("an unlocker must be ssh-ed25519, ssh-rsa, age1… or age1tag1…"),
    }
}
