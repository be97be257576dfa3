//! The `enrol` line: the one thing a person gets from an operator by another way than the server.
//!
//! `https://HOST/#vault=…&log=VKEY&person=…&ca=SHA256`. Everything after `#` never reaches the
//! server, so a false server cannot suit itself to it.

use crate::audit::note::{KeyKind, VerifierKey};
use crate::domain::ids::{Digest, PersonId, VaultId};

/// What the line pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Origin to dial: scheme, host, port.
    pub(crate) server: String,
    /// The vault.
    pub(crate) vault: VaultId,
    /// The log's public key, a C2SP vkey.
    pub(crate) log_vkey: String,
    /// Who enrols.
    pub(crate) person: PersonId,
    /// SHA-256 of the PEM of the server's CA; `None` (`ca=-`) for the system's roots, or for
    /// plain HTTP on loopback.
    pub(crate) ca_sha256: Option<Digest>,
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// No fragment, or no address.
    #[error("not an enrol line: it should look like https://HOST/#vault=…&log=…&person=…&ca=…")]
    Form,
    /// Plain HTTP to somewhere else than this machine.
    #[error("plain http is for loopback only: the line must begin with https://")]
    PlainHttp,
    /// A member is missing, twice there, or unknown.
    #[error("the line's {0} is missing, doubled or unknown: copy the whole line again")]
    Member(String),
    /// A member that does not parse.
    #[error("the line's {what} is damaged ({why}): copy the whole line again")]
    Value {
        /// Which member.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Link {
    /// Reads the line strictly: each of the four members exactly once, nothing else.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) fn parse(text: &str) -> Result<Self, LinkError> {
        let (address, fragment) = text.trim().split_once('#').ok_or(LinkError::Form)?;
        let server = origin(address)?;
        let mut members = [None, None, None, None];
        for pair in fragment.split('&') {
            // A vkey ends in base64 padding: only the first `=` separates.
            let (name, value) = pair.split_once('=').ok_or(LinkError::Form)?;
            let place = ["vault", "log", "person", "ca"]
                .iter()
                .position(|known| *known == name);
            let slot = place.and_then(|place| members.get_mut(place));
            let slot = slot.ok_or_else(|| LinkError::Member(name.chars().take(20).collect()))?;
            if slot.replace(decoded(value)?).is_some() {
                return Err(LinkError::Member(name.to_owned()));
            }
        }
        let mut take = |place: usize, name: &str| {
            members[place]
                .take()
                .ok_or_else(|| LinkError::Member(name.to_owned()))
        };
        let (vault, log, person, ca) = (
            take(0, "vault")?,
            take(1, "log")?,
            take(2, "person")?,
            take(3, "ca")?,
        );
        let wrong = |what: &'static str, why: String| LinkError::Value { what, why };
        let key = VerifierKey::parse(&log).map_err(|why| wrong("log", why.to_string()))?;
        if key.kind() != KeyKind::Log {
            return Err(wrong("log", "it is a witness's key".to_owned()));
        }
        let ca_sha256 = match ca.as_str() {
            "-" => None,
            hash => Some(
                hash.parse()
                    .map_err(|_| wrong("ca", "it is no sha-256".to_owned()))?,
            ),
        };
        Ok(Self {
            server,
            vault: vault
                .parse()
                .map_err(|_| wrong("vault", "it is no vault id".to_owned()))?,
            log_vkey: log,
            person: person
                .parse()
                .map_err(|_| wrong("person", "it is no person id".to_owned()))?,
            ca_sha256,
        })
    }
}

/// The origin of an address: scheme, host and port, nothing else. Plain HTTP only on loopback.
///
/// # Errors
/// [`LinkError::Form`] or [`LinkError::PlainHttp`].
pub(crate) fn origin(address: &str) -> Result<String, LinkError> {
    let (scheme, rest) = address.split_once("://").ok_or(LinkError::Form)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let plain = !authority.is_empty()
        && authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if !plain {
        return Err(LinkError::Form);
    }
    match scheme {
        "https" => Ok(format!("https://{authority}")),
        "http" if is_loopback(authority) => Ok(format!("http://{authority}")),
        "http" => Err(LinkError::PlainHttp),
        _ => Err(LinkError::Form),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Undoes `%XX`; a `+` stays a plus, because base64 has them.
fn decoded(value: &str) -> Result<String, LinkError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let code = after
            .get(..2)
            .and_then(|code| hex::decode(code).ok())
            .ok_or(LinkError::Form)?;
        bytes.extend_from_slice(&code);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| LinkError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::note::NoteSigner;

    fn vkey() -> String {
        let signer = NoteSigner::from_seed("vault.example/log/prod-eu/e1", &[7; 32]).unwrap();
        signer.verifier_key().to_string()
    }

    fn line(server: &str, ca: &str) -> String {
        format!("{server}/#vault=prod-eu&log={}&person=ada&ca={ca}", vkey())
    }

    #[test]
    fn a_line_as_init_prints_it_is_read() {
        let hash = Digest::of(b"pem");
        let link = Link::parse(&line("https://vault.example:8443", &hash.hex())).unwrap();
        assert_eq!(link.server, "https://vault.example:8443");
        assert_eq!(link.vault.as_str(), "prod-eu");
        assert_eq!(link.log_vkey, vkey());
        assert_eq!(link.person.as_str(), "ada");
        assert_eq!(link.ca_sha256, Some(hash));
    }

    #[test]
    fn an_encoded_line_reads_the_same() {
        let encoded = vkey()
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        let text = line("https://vault.example", "-").replace(&vkey(), &encoded);
        assert_eq!(
            Link::parse(&text),
            Link::parse(&line("https://vault.example", "-"))
        );
    }

    #[test]
    fn plain_http_is_taken_on_loopback_only() {
        for good in [
            "http://127.0.0.1:8443",
            "http://localhost:1",
            "http://[::1]:8443",
        ] {
            assert_eq!(Link::parse(&line(good, "-")).unwrap().server, good);
        }
        for bad in [
            "http://vault.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
        ] {
            assert_eq!(
                Link::parse(&line(bad, "-")),
                Err(LinkError::PlainHttp),
                "{bad}"
            );
        }
    }

    #[test]
    fn damaged_lines_are_refused() {
        let good = line("https://vault.example", "-");
        for bad in [
            good.replace('#', "?"),
            good.replace("https", "ftp"),
            good.replace("vault.example/#", "user@vault.example/#"),
            good.replace("vault.example/#", "vault.example/path#"),
            good.replace("&ca=-", ""),
            good.replace("&ca=-", "&ca=abc"),
            good.replace("ca=-", "ca=-&ca=-"),
            format!("{good}&more=1"),
            good.replace("person=ada", "person=Ada"),
            good.replace("prod-eu&log", "&log"),
            good.replace(&vkey()[vkey().len() - 6..], "AAAAAA"),
        ] {
            assert!(Link::parse(&bad).is_err(), "{bad}");
        }
    }
}
