//! Every sentence of the console, in one place: constants, and functions where a number or name
//! stands inside, so that another language can put it elsewhere. Nothing here decides anything.
//!
//! Error texts have three parts: what happened, whether anything was released, what to do now.

pub(super) mod answer;
pub(super) mod ask;
pub(super) mod asked;
pub(super) mod board;
pub(super) mod custodians;
pub(super) mod dead_end;
pub(super) mod facts;
pub(super) mod frame;
pub(super) mod incident;
pub(super) mod log;
pub(super) mod parts;
pub(super) mod pictures;
pub(super) mod refusals;
pub(super) mod review;
pub(super) mod share;
pub(super) mod sign_in;
pub(super) mod steps;
pub(super) mod story;
pub(super) mod waking;
pub(super) mod when;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// What machines read, and faults of the program that no page shows.
    const NO_SENTENCES: [&str; 11] = [
        "breakglass ",
        "box ",
        "default-src ",
        "width=device-width",
        "light dark",
        "text/html",
        "public, max-age",
        "still here",
        "a login is needed",
        "a token that no header can carry",
        "the log's key is none",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    /// Texts in double quotes outside comments and tests. Character literals hold no quote here.
    fn literals(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code: String = lines.flat_map(|line| [line, "\n"]).collect();
        let code = code.replace("'\"'", "").replace("\\\"", "");
        code.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    /// Two words in a row, or one that begins with a capital.
    fn is_sentence(text: &str) -> bool {
        let lower = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
        let words: Vec<&str> = text.split(' ').collect();
        let in_a_row = words.windows(2).any(|pair| {
            let first = pair[0].trim_end_matches([',', '.', ':']);
            first.len() > 1 && first.bytes().all(|b| b.is_ascii_alphabetic()) && lower(pair[1])
        });
        let capital = text.len() > 1
            && text.bytes().all(|b| b.is_ascii_alphabetic())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && lower(&text[1..]);
        in_a_row || capital
    }

    fn stray(source: &str) -> Vec<String> {
        let machine = |text: &String| NO_SENTENCES.iter().any(|known| text.starts_with(known));
        let found = literals(source).into_iter();
        found
            .filter(|text| is_sentence(text) && !machine(text))
            .collect()
    }

    #[test]
    fn no_page_holds_a_sentence_of_its_own() {
        let mut files = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/pages");
        sources(&root, &mut files);
        assert!(files.len() > 20, "the pages were not found");
        for file in files {
            let found = stray(&std::fs::read_to_string(&file).unwrap());
            assert!(found.is_empty(), "{}: {found:?}", file.display());
        }
    }

    #[test]
    fn a_sentence_on_a_page_would_be_found() {
        let page = "html! { h1 { \"Board\" } p .box { \"nothing was released\" } }";
        assert_eq!(stray(page), ["Board", "nothing was released"]);
        assert!(stray("// \"two words\"\ncommand(\"breakglass prove it\")").is_empty());
    }
}
