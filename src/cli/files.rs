//! Files of the client: written whole or not at all, readable by their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::CliError;

/// Largest file a person hands over that is read whole.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Writes a file with mode 0600 through a temporary one beside it: a crash leaves the old content
/// or the new, never a part.
///
/// # Errors
/// What the file system says, with the path.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    // Of a bare file name the parent is the empty path, which no system call takes.
    let named = path.parent().filter(|one| !one.as_os_str().is_empty());
    let folder = named.unwrap_or(Path::new("."));
    let mut tail = [0; 6];
    getrandom::fill(&mut tail)
        .map_err(|why| CliError::failed("random", format!("no randomness: {why}")))?;
    let temporary = folder.join(format!(".tmp-{}", hex::encode(tail)));
    let written = new_file(&temporary, |file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(why) = written {
        // The temporary file may not exist; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return Err(cannot("write", path, &why));
    }
    // The rename itself must survive a power cut: a lost pin is a lost memory of the log.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|why| cannot("write", path, &why))
}

/// Makes a file with mode 0600 that must not exist, and fills it.
///
/// # Errors
/// What the file system says, with the path.
pub(super) fn write_new(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), CliError> {
    new_file(path, fill).map_err(|why| cannot("write", path, &why))
}

fn new_file(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    fill(&mut file)?;
    file.sync_all()
}

/// Makes a folder that only its owner can enter, or checks that it is one.
///
/// # Errors
/// When it cannot be made, or is open to others.
pub(super) fn private_folder(path: &Path) -> Result<(), CliError> {
    folder(path, 0o077, "700")
}

/// Makes a folder that only its owner can write to, or checks that it is one: pins are not secret,
/// but nobody else may change them.
///
/// # Errors
/// When it cannot be made, or others can write to it.
pub(super) fn own_folder(path: &Path) -> Result<(), CliError> {
    folder(path, 0o022, "go-w")
}

fn folder(path: &Path, forbidden: u32, mend: &str) -> Result<(), CliError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|why| cannot("make", path, &why))?;
    let about = fs::metadata(path).map_err(|why| cannot("read", path, &why))?;
    if about.mode() & forbidden != 0 {
        let shown = path.display();
        return Err(CliError::failed(
            "folder_open",
            format!("folder {shown} is open to other users"),
        )
        .hint(format!("chmod {mend} {shown}")));
    }
    Ok(())
}

/// Reads a file that holds a secret; one that others can read is refused.
///
/// # Errors
/// When it cannot be read, is open to others, or is far too large.
pub(super) fn read_private(path: &Path) -> Result<Vec<u8>, CliError> {
    let about = fs::metadata(path).map_err(|why| cannot("read", path, &why))?;
    if about.mode() & 0o077 != 0 {
        let shown = path.display();
        return Err(CliError::failed(
            "file_open",
            format!("secret file {shown} is open to other users"),
        )
        .hint(format!("chmod 600 {shown}")));
    }
    read(path)
}

/// Reads an ordinary file.
///
/// # Errors
/// When it cannot be read or is far too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let about = fs::metadata(path).map_err(|why| cannot("read", path, &why))?;
    if about.len() > MAX_FILE_BYTES {
        return Err(CliError::failed(
            "file",
            format!("{} is too large", path.display()),
        ));
    }
    fs::read(path).map_err(|why| cannot("read", path, &why))
}

/// Removes a file; one that is not there is removed already.
///
/// # Errors
/// What the file system says.
pub(super) fn remove(path: &Path) -> Result<(), CliError> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path, &why)),
        _ => Ok(()),
    }
}

/// The same path, absolute, so that settings stay true in another folder.
///
/// # Errors
/// When there is no such file.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    path.canonicalize()
        .map_err(|why| cannot("find", path, &why))
}

/// An error with verb and path.
pub(super) fn cannot(verb: &str, path: &Path, why: &io::Error) -> CliError {
    CliError::failed("file", format!("cannot {verb} {}: {why}", path.display()))
}

/// A variable of the environment that is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "client settings are looked up in the environment here and nowhere else"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_file_is_0600_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pins.toml");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_private(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bare_file_name_is_written_into_the_current_folder() {
        let name = format!("breakglass-bare-name-{}", std::process::id());
        let path = Path::new(&name);
        let written = write_private(path, b"share");
        let found = fs::read(path);
        let _ = fs::remove_file(path);
        written.unwrap();
        assert_eq!(found.unwrap(), b"share");
    }

    #[test]
    fn a_secret_file_that_others_can_read_is_refused_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, "canary").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_private(&path).unwrap_err();
        assert!(error.hint.contains("chmod 600"));
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        private_folder(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(private_folder(&path).is_err());
    }
}
