//! Reading a paper's text from a person or a pipe: never from an argument, a file name or the
//! environment.
//!
//! A person is told which groups look wrong and types those again. What she typed is wiped from
//! memory and, on a terminal, from the screen.

use std::io::{self, IsTerminal as _};

use zeroize::Zeroizing;

use super::super::{CliError, Exit, Output};
use crate::sealed::paper::{Paper, PaperError};
use crate::sealed::share_text::{GROUP_CHARS, TEXT_CHARS, TextError};

/// Longest text that is read: a whole sheet with its words.
const MOST_BYTES: usize = 4 * 1024;
/// How often single groups may be typed again.
const TRIES: usize = 5;

/// The paper whose text comes from standard input.
///
/// # Errors
/// Usage when nothing can be read; share rejected with the places that look wrong.
pub(crate) fn paper(vault: &str, out: &Output) -> Result<Paper, CliError> {
    if !io::stdin().is_terminal() {
        let typed = all()?;
        return told(
            Paper::read(&typed, vault).map_err(|why| rejected(&why))?,
            out,
        );
    }
    out.warn("Type the text of the sheet, in rows or in one; ? for what cannot be read. An empty line ends it.");
    let mut typed = rows()?;
    for _ in 0..TRIES {
        match Paper::read(&typed, vault) {
            Err(PaperError::Text(TextError::Wrong { places })) => {
                out.warn(
                    &TextError::Wrong {
                        places: places.clone(),
                    }
                    .to_string(),
                );
                again(&mut typed, &places, out)?;
            }
            other => return told(other.map_err(|why| rejected(&why))?, out),
        }
    }
    let paper = Paper::read(&typed, vault).map_err(|why| rejected(&why))?;
    told(paper, out)
}

/// Says which characters follow from the checksum: the reader compares them with the sheet.
fn told(paper: Paper, out: &Output) -> Result<Paper, CliError> {
    if !paper.filled.is_empty() {
        let places: Vec<String> = paper.filled.iter().map(usize::to_string).collect();
        out.warn(&format!(
            "! Characters {} could not be read and follow from the others: make a new paper soon.",
            places.join(", ")
        ));
    }
    Ok(paper)
}

fn rejected(why: &PaperError) -> CliError {
    CliError::new(Exit::SHARE_REJECTED, "paper_text", why.to_string())
        .hint("groups have four characters; the alphabet has no 1 after the first group, no B, I and O")
        .page("paper-share")
}

/// Everything that a pipe holds, as far as a sheet goes.
fn all() -> Result<Zeroizing<String>, CliError> {
    let mut room = Zeroizing::new(vec![0; MOST_BYTES]);
    let mut used = 0;
    loop {
        let got = read(&mut room[used..])?;
        used += got;
        if got == 0 || used == room.len() {
            break;
        }
    }
    text(&room[..used])
}

/// Rows from a terminal until one is empty or the text is whole; each is wiped from the screen.
fn rows() -> Result<Zeroizing<String>, CliError> {
    let mut typed = Zeroizing::new(String::with_capacity(MOST_BYTES));
    let mut rows = 0;
    while letters(&typed).count() < TEXT_CHARS && rows < 40 {
        let row = row()?;
        rows += 1;
        if row.trim().is_empty() {
            break;
        }
        typed.push_str(&row);
    }
    wipe_screen(rows);
    Ok(typed)
}

fn row() -> Result<Zeroizing<String>, CliError> {
    let mut room = Zeroizing::new([0; 512]);
    let used = read(&mut room[..])?;
    text(&room[..used])
}

fn text(bytes: &[u8]) -> Result<Zeroizing<String>, CliError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| CliError::usage("what was read is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Straight from the system: the library's buffer for standard input is never wiped.
fn read(room: &mut [u8]) -> Result<usize, CliError> {
    rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut *room))
        .map_err(|why| CliError::usage(format!("the text cannot be read: {why}")))
}

fn letters(typed: &str) -> impl Iterator<Item = (usize, char)> {
    typed
        .char_indices()
        .filter(|(_, letter)| letter.is_ascii_alphanumeric() || *letter == '?')
}

/// Replaces the groups with these characters (from 1) by what is typed now.
fn again(typed: &mut Zeroizing<String>, places: &[usize], out: &Output) -> Result<(), CliError> {
    let mut groups: Vec<usize> = places.iter().map(|p| (p - 1) / GROUP_CHARS).collect();
    groups.dedup();
    for group in groups {
        out.warn(&format!(
            "Group {} (characters {} to {}) again:",
            group + 1,
            group * GROUP_CHARS + 1,
            (group * GROUP_CHARS + GROUP_CHARS).min(TEXT_CHARS)
        ));
        let fresh = row()?;
        wipe_screen(1);
        replace(typed, group, &fresh);
    }
    Ok(())
}

/// The same text with one group replaced.
fn replace(typed: &mut Zeroizing<String>, group: usize, fresh: &str) {
    let mut whole = Zeroizing::new(String::with_capacity(MOST_BYTES));
    let inside = group * GROUP_CHARS..(group + 1) * GROUP_CHARS;
    for (number, (_, letter)) in letters(typed).enumerate() {
        if number == inside.start {
            letters(fresh).for_each(|(_, letter)| whole.push(letter));
        }
        if !inside.contains(&number) {
            whole.push(letter);
        }
    }
    *typed = whole;
}

/// Takes the last rows off the screen.
fn wipe_screen(rows: usize) {
    if io::stderr().is_terminal() {
        for _ in 0..rows {
            eprint!("\x1b[1A\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_typed_again_takes_the_place_of_the_wrong_one() {
        let mut typed = Zeroizing::new("bgs1 abcd-efgh\nijkl".to_owned());
        replace(&mut typed, 2, " e?gh ");
        assert_eq!(*typed, "bgs1abcde?ghijkl");
        replace(&mut typed, 3, "mnop");
        assert_eq!(*typed, "bgs1abcde?ghmnop");
    }

    #[test]
    fn errors_about_a_text_name_places_and_hold_nothing_of_it() {
        let error = rejected(&Paper::read("bgs1canary", "prod-eu").unwrap_err());
        assert_eq!(error.exit, Exit::SHARE_REJECTED);
        assert!(!format!("{error:?}").contains("canary"));
    }
}
