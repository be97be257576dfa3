//! Questions at a terminal: a default in brackets, and the same question again until the answer
//! can be used.

use secrecy::SecretString;

use crate::cli::{CliError, Exit, Output};

/// Asks a person; knows nothing of what about.
pub(super) struct Asker<'a> {
    pub out: &'a Output,
}

impl Asker<'_> {
    /// A line for the person.
    pub fn say(&self, text: &str) {
        self.out.talk(text);
    }

    /// The heading of a step.
    pub fn head(&self, text: &str) {
        self.out.talk(&format!("\n{text}"));
    }

    /// One line; the default when it is empty.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn line(&self, question: &str, default: &str) -> Result<String, CliError> {
        let shown = match default {
            "" => format!("{question}:"),
            _ => format!("{question} [{default}]:"),
        };
        let answer = self.out.ask(&shown).await.ok_or_else(gone)?;
        Ok(match answer.as_str() {
            "" => default.to_owned(),
            _ => answer,
        })
    }

    /// Asks until `read` takes the answer; says why it did not.
    ///
    /// # Errors
    /// As [`Asker::line`].
    pub async fn until<T>(
        &self,
        question: &str,
        default: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        loop {
            let answer = self.line(question, default).await?;
            match read(&answer) {
                Ok(value) => return Ok(value),
                Err(why) => self.say(&format!("  ✗ {why}")),
            }
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// As [`Asker::line`].
    pub async fn yes(&self, question: &str, default: bool) -> Result<bool, CliError> {
        let word = if default { "y" } else { "n" };
        let read = |answer: &str| match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("y or n".to_owned()),
        };
        self.until(&format!("{question} (y/n)"), word, read).await
    }

    /// Something that must not be seen: typed without echo.
    ///
    /// # Errors
    /// As [`Asker::line`].
    pub async fn hidden(&self, question: &str) -> Result<SecretString, CliError> {
        self.out.talk(&format!("{question} (not shown):"));
        let typed = tokio::task::spawn_blocking(|| rpassword::prompt_password("")).await;
        match typed {
            Ok(Ok(text)) => Ok(SecretString::from(text)),
            _ => Err(gone()),
        }
    }
}

fn gone() -> CliError {
    CliError::new(
        Exit::INTERRUPTED,
        "interrupted",
        "the answers ended; nothing was made",
    )
    .hint("breakglass init --guided keeps the files that are written and asks for the rest")
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Takes any text that is not empty.
///
/// # Errors
/// A sentence for the person.
pub(super) fn filled(text: &str) -> Result<String, String> {
    match text {
        "" => Err("this cannot be empty".to_owned()),
        _ => Ok(text.to_owned()),
    }
}
