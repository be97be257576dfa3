//! Finds checkpoints in whatever people kept: notes, mails, chat exports, webhook bodies.
//!
//! Every inbox is a witness (DESIGN §9), so this reads quoted mail, quoted-printable and base64
//! bodies, `X-Log-Checkpoint` headers and JSON strings. It only finds; trust comes from signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::Checkpoint;
use super::note::{Note, Signature};

/// How many encodings may lie inside one another.
const MAX_NESTING: u8 = 3;
/// Shortest base64 block worth decoding; a checkpoint is far longer.
const MIN_BLOCK: usize = 64;

/// Every checkpoint note in `text`, in order of discovery, without repeats. Signatures are not
/// checked here.
#[must_use]
pub fn find_checkpoints(text: &[u8]) -> Vec<(Checkpoint, Note)> {
    let mut found = Vec::new();
    search(&String::from_utf8_lossy(text), MAX_NESTING, &mut found);
    found
}

fn search(text: &str, nesting: u8, found: &mut Vec<(Checkpoint, Note)>) {
    let lines: Vec<&str> = text.split('\n').map(plain_line).collect();
    for start in 0..lines.len() {
        if let Some(pair) = note_at(&lines, start)
            && !found.contains(&pair)
        {
            found.push(pair);
        }
    }
    if nesting == 0 {
        return;
    }
    if text.contains("=E2=80=94") {
        search(&unquote_printable(text), nesting - 1, found);
    }
    if text.contains("\\n") {
        let plain = text
            .replace("\\n", "\n")
            .replace("\\u2014", "\u{2014}")
            .replace("\\/", "/");
        search(&plain, nesting - 1, found);
    }
    for block in base64_blocks(&lines) {
        if let Ok(bytes) = STANDARD.decode(&block)
            && let Ok(inner) = String::from_utf8(bytes)
        {
            search(&inner, nesting - 1, found);
        }
    }
}

/// A line without quote marks, indentation and trailing white space.
fn plain_line(line: &str) -> &str {
    line.trim_end().trim_start_matches(['>', ' ', '\t', '|'])
}

/// The note whose size line is at `start + 1`: origin, size, root, blank, signatures.
fn note_at(lines: &[&str], start: usize) -> Option<(Checkpoint, Note)> {
    let [origin, size, root, blank, rest @ ..] = &lines[start..] else {
        return None;
    };
    if !blank.is_empty() || !size.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Words before the origin on its line belong to whoever wrapped the note.
    let origin = origin.rsplit([' ', '"', '\'', '`', '>']).next()?;
    let checkpoint = Checkpoint::parse(&format!("{origin}\n{size}\n{root}\n")).ok()?;
    let signatures: Vec<Signature> = rest.iter().map_while(|line| signature(line)).collect();
    let text = checkpoint.to_string();
    (!signatures.is_empty()).then_some((checkpoint, Note { text, signatures }))
}

/// A signature line, with anything after its base64 cut off.
fn signature(line: &str) -> Option<Signature> {
    let mut words = line.strip_prefix("\u{2014} ")?.splitn(2, ' ');
    let (name, rest) = (words.next()?, words.next()?);
    let end = rest.find(|c: char| !is_base64(c)).unwrap_or(rest.len());
    Signature::parse(&format!("\u{2014} {name} {}", &rest[..end])).ok()
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Base64 runs over one or more lines; a header's name before the first line is skipped.
fn base64_blocks(lines: &[&str]) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in lines {
        let value = line.rsplit_once(": ").map_or(*line, |(_, value)| value);
        let whole = value.len() == line.len();
        let good = !value.is_empty() && value.chars().all(is_base64);
        if !whole || !good {
            blocks.push(String::new());
        }
        if good && let Some(block) = blocks.last_mut() {
            block.push_str(value);
        }
    }
    blocks.retain(|block| block.len() >= MIN_BLOCK);
    blocks
}

/// Undoes quoted-printable (RFC 2045 §6.7); what is not an escape stays.
fn unquote_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "").replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = if *first == b'=' { after.get(..2) } else { None };
        match code.and_then(|code| hex::decode(code).ok()) {
            Some(decoded) => {
                bytes.extend_from_slice(&decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
