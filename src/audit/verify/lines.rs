//! Looking through an export's entries for those in which certain words occur: most entries are
//! calls, and are not parsed. A line is never longer than an entry may be.

use std::io::{BufRead as _, BufReader, Read as _};

use super::super::entry::MAX_ENTRY_BYTES;
use super::report::Failure;
use super::{ExportSource, tree};

/// Gives every line that holds one of `words`, without its end, oldest first.
///
/// # Errors
/// What reading said, or `each`.
pub(crate) fn lines_with(
    source: &dyn ExportSource,
    words: &[&[u8]],
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let whole = |why: String| Failure::whole(format!("{}: {why}", tree::ENTRIES));
    let opened = source
        .open(tree::ENTRIES)
        .map_err(|e| whole(e.to_string()))?
        .ok_or_else(|| Failure::whole(format!("{} is missing", tree::ENTRIES)))?;
    let mut reader = BufReader::with_capacity(1 << 20, opened);
    let finders: Vec<_> = words.iter().map(memchr::memmem::Finder::new).collect();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut reader).take(MAX_ENTRY_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut line);
        if read.map_err(|e| whole(e.to_string()))? == 0 {
            return Ok(());
        }
        if finders.iter().any(|word| word.find(&line).is_some()) {
            each(line.strip_suffix(b"\n").unwrap_or(&line))?;
        }
    }
}
