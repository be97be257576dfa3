//! Files in the vault's folder that root writes beside the running vault (`backup`, `log new-epoch`)
//! belong to whom the folder belongs to: under a service manager the vault is another user, and
//! could not read them.

use std::fs::File;
use std::io;
use std::path::Path;

use super::durable::folder_of;

/// Gives a file that root has just made in a folder to the folder's owner. Where that cannot be
/// done, whoever needs the file says that it cannot be read; nothing is held up for it.
pub(super) fn of_folder(file: &File, path: &Path) {
    if let Err(error) = give(file, path) {
        tracing::warn!(%error, path = %path.display(), "it could not be given to its folder's owner");
    }
}

#[cfg(unix)]
fn give(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    const ROOT: u32 = 0;
    let folder = std::fs::metadata(folder_of(path))?;
    let made = file.metadata()?;
    if made.uid() != ROOT || (folder.uid(), folder.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(file, Some(folder.uid()), Some(folder.gid()))
}

/// Nothing to do where files have no such owner.
#[cfg(not(unix))]
fn give(_file: &File, _path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, chown};

    use crate::domain::time::Timestamp;
    use crate::store::{BackupStamp, high_water};

    #[test]
    fn what_root_writes_into_a_folder_belongs_to_the_folders_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (uid, gid) = (54_321, 54_322);
        if chown(folder.path(), Some(uid), Some(gid)).is_err() {
            println!("skipped: only root can give a folder away");
            return;
        }
        let stamp = BackupStamp::path(folder.path());
        BackupStamp::new("prod-eu".parse().unwrap(), Timestamp(7), 3, 900)
            .write(&stamp)
            .unwrap();
        let mark = high_water::within(folder.path());
        high_water::write(&mark, "a checkpoint").unwrap();
        for path in [stamp, mark] {
            let found = std::fs::metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid()), (uid, gid), "{}", path.display());
        }
    }
}
