//! Files that hold secrets: read only when nobody else may read them, written for nobody else.

use std::io::{Read as _, Write as _};
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ConfigError;

/// Where systemd keeps the credentials of system services, one folder for each unit.
const CREDENTIALS: &str = "/run/credentials";
/// Longest secret file, bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a secret text; a trailing line end is dropped.
///
/// # Errors
/// [`ConfigError::Readable`] when group or others may read the file, otherwise what the system
/// said. Never what was in the file.
pub fn read_secret(path: &Path) -> Result<SecretString, ConfigError> {
    let bytes = read_secret_bytes(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ConfigError::Value {
        key: "secret file",
        why: format!("{} is not text", path.display()),
    })?;
    Ok(SecretString::from(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

/// Reads the bytes of a secret file.
///
/// # Errors
/// As [`read_secret`].
pub fn read_secret_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let broken = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(broken)?;
    private(path, &file)?;
    let length = file.metadata().map_err(broken)?.len().min(MAX_BYTES);
    // One buffer of the right size: a growing one would leave copies behind.
    let capacity = usize::try_from(length).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(broken)?;
    Ok(bytes)
}

#[cfg(unix)]
fn private(path: &Path, file: &std::fs::File) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    // Devices and pipes (a terminal, a systemd credential through a descriptor) have no such mode.
    if metadata.is_file() && mode & too_open(path) != 0 {
        return Err(ConfigError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// The bits that a secret file's mode may not have.
///
/// systemd hands a credential to an unprivileged service by an access list, which shows as the
/// group's bits (`-r--r-----+`); its folder lets nobody but root and that service in.
#[must_use]
pub fn too_open(path: &Path) -> u32 {
    let given = std::env::var_os("CREDENTIALS_DIRECTORY");
    if is_credential(path, given.as_deref().map(Path::new)) {
        0o007
    } else {
        0o077
    }
}

/// Whether the service manager put the file there: for this process, or for a unit that runs
/// beside it (`doctor`). Only root can make a folder in [`CREDENTIALS`].
fn is_credential(path: &Path, given: Option<&Path>) -> bool {
    let Some(folder) = path.parent().filter(|folder| folder.is_absolute()) else {
        return false;
    };
    if folder.file_name().is_none() {
        // It ends in `..`: another folder than it looks like.
        return false;
    }
    given == Some(folder) || folder.parent() == Some(Path::new(CREDENTIALS))
}

#[cfg(not(unix))]
fn private(_path: &Path, _file: &std::fs::File) -> Result<(), ConfigError> {
    Ok(())
}

/// Writes a new secret file that nobody else may read; an existing one is never replaced.
///
/// # Errors
/// What the system said.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let broken = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(broken)?;
    file.write_all(bytes).map_err(broken)?;
    // Durable before anything relies on it: a lost log seed would end the log.
    file.sync_all().map_err(broken)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_a_credential_only_where_the_service_manager_puts_them() {
        let given = Some(Path::new("/run/user/1000/credentials/vault.service"));
        for path in [
            "/run/credentials/breakglass.service/log.seed",
            "/run/user/1000/credentials/vault.service/log.seed",
        ] {
            assert!(is_credential(Path::new(path), given), "{path}");
        }
        for path in [
            "/run/credentials/log.seed",
            "/run/credentials/breakglass.service/deeper/log.seed",
            "/run/credentials/breakglass.service/../../../tmp/log.seed",
            "/run/credentials/../log.seed",
            "/run/user/1000/credentials/log.seed",
            "/etc/breakglass/log.seed",
            "log.seed",
        ] {
            assert!(!is_credential(Path::new(path), given), "{path}");
        }
        let seed = Path::new("/run/user/1000/credentials/vault.service/log.seed");
        assert!(!is_credential(seed, None));
        assert!(!is_credential(Path::new("log.seed"), Some(Path::new(""))));
    }

    /// `-r--r-----`, as a credential's access list shows.
    #[test]
    fn what_the_group_may_read_is_refused_anywhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.seed");
        std::fs::write(&path, "canary").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
        let refused = read_secret_bytes(&path).unwrap_err();
        assert!(matches!(refused, ConfigError::Readable { mode: 0o440, .. }));
    }
}
