//! The folder where the custodians' files arrive. Knows nothing of what is in them.

use std::path::{Path, PathBuf};

use crate::cli::files;

/// The files in the inbox that can be read, and what is wrong with the others. Nothing here ends
/// the wait: a stick that is pulled out comes back, and what was given already must not be lost.
pub(super) fn arrived(inbox: &Path) -> (Vec<(PathBuf, Vec<u8>)>, Vec<String>) {
    let listed = match std::fs::read_dir(inbox) {
        Ok(listed) => listed,
        Err(why) => return (Vec::new(), vec![files::cannot("read", inbox, &why).message]),
    };
    let mut paths: Vec<PathBuf> = listed
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let (mut read, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match files::read(&path) {
            Ok(bytes) => read.push((path, bytes)),
            Err(why) => faults.push(why.message),
        }
    }
    (read, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("in");
        let (read, faults) = arrived(&inbox);
        assert!(read.is_empty());
        assert!(faults[0].contains("cannot read"), "{faults:?}");
        std::fs::create_dir_all(inbox.join("folder")).unwrap();
        std::fs::write(inbox.join("ada"), b"share").unwrap();
        // Sparse: longer than any file that is read.
        let large = std::fs::File::create(inbox.join("ben")).unwrap();
        large.set_len(1 << 30).unwrap();
        std::os::unix::fs::symlink(inbox.join("gone"), inbox.join("cleo")).unwrap();
        let (read, faults) = arrived(&inbox);
        assert_eq!(read, [(inbox.join("ada"), b"share".to_vec())]);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("too large"), "{faults:?}");
    }
}
