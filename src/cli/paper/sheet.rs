//! The sheet of a paper share: its text in groups of four and its QR square, for a terminal, a text
//! file or a page to print.
//!
//! Everything is built in memory that is wiped; nothing is written here. Knows no vault but its
//! name.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::super::{CliError, clock};
use crate::sealed::paper::{Paper, PaperError, SheetText};
use crate::sealed::share_text::GROUP_CHARS;

/// Groups in one row of the sheet, so that a reader keeps her place.
const GROUPS_IN_ROW: usize = 5;
/// White around the square, in modules (ISO 18004 asks for four).
const QUIET: usize = 4;

/// What stands on the sheet besides its text.
pub(super) struct About<'a> {
    /// The vault's id.
    pub(super) vault: &'a str,
    /// Its keeper's name.
    pub(super) keeper: &'a str,
    /// What the vault seals to.
    pub(super) recipient: &'a str,
}

impl About<'_> {
    fn lines(&self) -> [String; 5] {
        let tail = &self.recipient[self.recipient.len().saturating_sub(12)..];
        [
            format!(
                "Breakglass paper share of {}, vault {}",
                self.keeper, self.vault
            ),
            format!(
                "Made {}; opens the unlocker that ends in {tail}",
                clock::now()
            ),
            "Whoever reads this sheet can open one share of the vault: into a sealed bag with a"
                .to_owned(),
            "number, apart from the others. To use it two people are needed; the vault's runbook"
                .to_owned(),
            "paper-share says how. Unreadable characters are typed as ?".to_owned(),
        ]
    }
}

/// Where a sheet of plain text is read: ink is dark, a screen may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// A terminal, told to show black on white.
    Screen,
    /// A file to print.
    Ink,
}

/// The sheet as plain text, with the square in half blocks.
pub(super) fn text(
    about: &About<'_>,
    text: &SheetText,
    medium: Medium,
) -> Result<Zeroizing<String>, CliError> {
    let mut sheet = room();
    for line in about.lines() {
        push(&mut sheet, format_args!("{line}\n"));
    }
    sheet.push('\n');
    rows(text, &mut |row, first| {
        push(&mut sheet, format_args!("  {first:>2}  {row}\n"));
    });
    sheet.push('\n');
    let code = square(text)?;
    let dark = |x: usize, y: usize| at(&code, x, y);
    let side = code.width() + 2 * QUIET;
    for y in (0..side).step_by(2) {
        // Few scanners read light on dark.
        let (begin, end) = match medium {
            Medium::Screen => ("\x1b[30;107m", "\x1b[0m"),
            Medium::Ink => ("", ""),
        };
        sheet.push_str(begin);
        for x in 0..side {
            sheet.push(match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        sheet.push_str(end);
        sheet.push('\n');
    }
    Ok(sheet)
}

/// The sheet as a page to print: no script, nothing fetched.
pub(super) fn page(about: &About<'_>, text: &SheetText) -> Result<Zeroizing<String>, CliError> {
    let mut sheet = room();
    sheet.push_str(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"color-scheme\" content=\"light\"><title>Breakglass paper share</title>\
         <style>body{font:12pt/1.5 sans-serif;margin:2cm}pre{font:16pt/1.8 monospace}\
         svg{width:6cm;height:6cm}</style>\n",
    );
    for line in about.lines() {
        push(&mut sheet, format_args!("<div>{}</div>\n", escaped(&line)));
    }
    sheet.push_str("<pre>");
    rows(text, &mut |row, first| {
        push(&mut sheet, format_args!("{first:>2}  {row}\n"));
    });
    sheet.push_str("</pre>\n");
    let code = square(text)?;
    let side = code.width() + 2 * QUIET;
    push(
        &mut sheet,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
             aria-label=\"The same text as a QR square\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path d=\""
        ),
    );
    for y in 0..side {
        for x in (0..side).filter(|x| at(&code, *x, y)) {
            push(&mut sheet, format_args!("M{x} {y}h1v1h-1z"));
        }
    }
    sheet.push_str("\"/></svg></html>\n");
    Ok(sheet)
}

/// Room for a whole sheet, so that growing leaves no copies behind.
fn room() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(64 * 1024))
}

fn push(sheet: &mut Zeroizing<String>, words: std::fmt::Arguments<'_>) {
    sheet.write_fmt(words).expect("a string takes every word");
}

/// Whether a module is dark, the quiet zone included.
fn at(code: &QrCode, x: usize, y: usize) -> bool {
    let inside = |place: usize| (QUIET..QUIET + code.width()).contains(&place);
    inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sheet that its keeper asked for is where the text belongs"
)]
fn rows(text: &SheetText, each: &mut dyn FnMut(&str, usize)) {
    let letters = text.expose_secret();
    for (number, chunk) in letters
        .as_bytes()
        .chunks(GROUP_CHARS * GROUPS_IN_ROW)
        .enumerate()
    {
        let mut row = Zeroizing::new(String::with_capacity(2 * GROUP_CHARS * GROUPS_IN_ROW));
        for (place, letter) in chunk.iter().enumerate() {
            if place > 0 && place % GROUP_CHARS == 0 {
                row.push_str("  ");
            }
            row.push(char::from(letter.to_ascii_uppercase()));
        }
        each(&row, number * GROUP_CHARS * GROUPS_IN_ROW + 1);
    }
}

/// In upper case, so that the square needs the fewest modules; level Q survives a stain.
#[expect(
    clippy::disallowed_methods,
    reason = "the square holds the same text as the sheet"
)]
fn square(text: &SheetText) -> Result<QrCode, CliError> {
    let mut upper = Zeroizing::new(text.expose_secret().to_owned());
    upper.make_ascii_uppercase();
    QrCode::with_error_correction_level(upper.as_bytes(), EcLevel::Q)
        .map_err(|why| CliError::failed("qr", format!("the square was not made: {why}")))
}

/// Reads the sheet's own text, as a person would who types it.
#[expect(
    clippy::disallowed_methods,
    reason = "the text is read back where it was written"
)]
pub(super) fn reads_back(text: &SheetText, vault: &str) -> Result<Paper, PaperError> {
    Paper::read(text.expose_secret(), vault)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::share_text::TEXT_CHARS;

    fn made() -> (Paper, SheetText) {
        let paper = Paper::generate().unwrap();
        let text = paper.text("prod-eu").unwrap();
        (paper, text)
    }

    /// Groups of a sheet joined: what a person who types it types.
    fn typed(sheet: &str) -> String {
        let rows = sheet
            .lines()
            .map(|line| line.trim_start_matches("<pre>").trim_start())
            .filter(|line| {
                let groups = || line.split_whitespace().skip(1);
                groups().count() > 1 && groups().all(|g| g.len() <= GROUP_CHARS)
            });
        rows.flat_map(|row| row.split_whitespace().skip(1))
            .take(TEXT_CHARS.div_ceil(GROUP_CHARS))
            .collect()
    }

    #[test]
    fn both_sheets_say_whose_they_are_and_are_read_back() {
        let (paper, words) = made();
        let about = About {
            vault: "prod-eu",
            keeper: "Ada <b>",
            recipient: paper.recipient(),
        };
        for sheet in [
            text(&about, &words, Medium::Ink).unwrap(),
            text(&about, &words, Medium::Screen).unwrap(),
            page(&about, &words).unwrap(),
        ] {
            let back = Paper::read(&typed(&sheet), "prod-eu").unwrap();
            assert_eq!(back.recipient(), paper.recipient());
            assert!(sheet.contains("vault prod-eu"));
        }
        let page = page(&about, &words).unwrap();
        assert!(page.contains("Ada &lt;b>") && !page.contains("<script") && !page.contains("src="));
    }

    #[test]
    fn the_square_is_small_enough_for_a_pocket_scanner() {
        let (_, words) = made();
        let code = square(&words).unwrap();
        // Version 5 at level Q holds 87 characters in 37 by 37 modules (ISO 18004, table 7).
        assert_eq!(code.width(), 37);
    }
}
