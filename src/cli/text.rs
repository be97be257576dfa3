//! Words and small readings shared by commands: durations, lists, the person's yes.

use super::error::CliError;
use super::output::Output;
use crate::domain::time::Timestamp;

/// Reads `90`, `90m` or `2h` as minutes.
///
/// # Errors
/// A sentence for clap.
pub fn minutes(text: &str) -> Result<u32, String> {
    let (digits, factor) = match text.strip_suffix('h') {
        Some(hours) => (hours, 60),
        None => (text.strip_suffix('m').unwrap_or(text), 1),
    };
    let number: u32 = digits
        .parse()
        .map_err(|_| format!("{text} is not a duration like 60m or 1h"))?;
    number
        .checked_mul(factor)
        .filter(|minutes| *minutes > 0)
        .ok_or_else(|| format!("{text} is not between one minute and the limit"))
}

/// `MM:SS` left until a moment, `00:00` when it has passed.
#[must_use]
pub fn left(until: Timestamp, now: Timestamp) -> String {
    let seconds = until.since_ms(now).max(0) / 1_000;
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// `3 shares`, `1 share`.
#[must_use]
pub fn count(number: impl Into<u64>, one: &str) -> String {
    let number = number.into();
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// Asks for a yes; scripts say it beforehand with the flag that `flag` names.
///
/// # Errors
/// Usage when nobody can be asked, refused when the answer is not yes.
pub async fn confirm(out: &Output, question: &str, flag: &str) -> Result<(), CliError> {
    let Some(answer) = out.ask(&format!("{question} [y/N]")).await else {
        return Err(CliError::usage(format!("nobody to ask: {question}"))
            .hint(format!("scripts pass {flag}")));
    };
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(CliError::new(
            super::Exit::REFUSED,
            "not_confirmed",
            "nothing was signed or sent",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_minutes_and_hours() {
        assert_eq!(minutes("60m"), Ok(60));
        assert_eq!(minutes("90"), Ok(90));
        assert_eq!(minutes("2h"), Ok(120));
        for wrong in ["", "0", "m", "1d", "-5m", "99999999999h", "4294967295h"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_countdown_never_goes_below_zero() {
        assert_eq!(left(Timestamp(90_500), Timestamp(0)), "01:30");
        assert_eq!(left(Timestamp(0), Timestamp(5)), "00:00");
    }
}
