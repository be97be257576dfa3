//! An export as a folder of files: reading for `verify`, writing for `export`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use crate::audit::verify::{ExportSource, MAX_FILE_BYTES};

/// Reads an export from a folder.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The export at this place.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn opened(&self, path: &str) -> io::Result<Option<File>> {
        match File::open(self.root.join(path)) {
            Ok(file) => Ok(Some(file)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }
}

impl ExportSource for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.opened(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(io::Error::other("the file is too long"));
        }
        Ok(Some(bytes))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let listed = match fs::read_dir(self.root.join(folder)) {
            Ok(listed) => listed,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(why),
        };
        let mut names = Vec::new();
        for each in listed {
            let each = each?;
            if each.file_type()?.is_file() {
                let name = each.file_name().into_string();
                names.push(name.map_err(|_| io::Error::other("a file name is not text"))?);
            }
        }
        Ok(names)
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(self
            .opened(path)?
            .map(|file| Box::new(file) as Box<dyn Read + Send>))
    }
}

/// Whether a path that a server named stays inside the export.
#[must_use]
pub(super) fn is_inside(path: &str) -> bool {
    let plain = !path.is_empty()
        && path.len() <= 200
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    plain
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// Adds bytes to the end of a file of the export, making folders on the way.
///
/// # Errors
/// What the file system says; a path that leads outside is refused.
pub(super) fn append(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    if !is_inside(path) {
        return Err(io::Error::other("a path leads out of the export"));
    }
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_server_never_lead_outside() {
        for good in [
            "checkpoint",
            "tile/0/x001/067",
            "acts/ab.json",
            "tile/entries/000.p/4",
        ] {
            assert!(is_inside(good), "{good}");
        }
        for bad in [
            "",
            "../x",
            "/etc/passwd",
            "a/../../b",
            "a\\b",
            "./x",
            "a/\u{0}",
        ] {
            assert!(!is_inside(bad), "{bad}");
            assert!(append(Path::new("nowhere"), bad, b"").is_err());
        }
    }
}
