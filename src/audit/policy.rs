//! Trust policy (C2SP tlog-policy): which log keys, which witnesses, how many of them.
//!
//! Knows no files and no network; URLs in a policy are skipped.

use std::collections::HashMap;

use super::note::{KeyKind, NoteError, VerifierKey};

/// A parsed policy file.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Keys of the accepted logs.
    pub logs: Vec<VerifierKey>,
    /// Keys of the known witnesses.
    pub witnesses: Vec<VerifierKey>,
    rules: Vec<Rule>,
    quorum: Option<usize>,
}

#[derive(Debug, Clone)]
enum Rule {
    Witness(usize),
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

/// Why a policy file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {reason}")]
pub struct PolicyError {
    /// One-based line; 0 when the file as a whole lacks something.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Policy {
    /// Parses a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text
            .bytes()
            .any(|b| (b < 0x20 && b != b'\n' && b != b'\t') || b == 0x7f)
        {
            return Err(PolicyError {
                line: 0,
                reason: "it holds a control character".into(),
            });
        }
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(text.split('\n')) {
            let words: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            if words.first().is_some_and(|word| !word.starts_with('#')) {
                reader.line(&words).map_err(|reason| PolicyError {
                    line: number,
                    reason,
                })?;
            }
        }
        let Reader {
            logs,
            witnesses,
            rules,
            quorum,
            ..
        } = reader;
        let reason = || PolicyError {
            line: 0,
            reason: "it has no quorum line".into(),
        };
        Ok(Self {
            logs,
            witnesses,
            rules,
            quorum: quorum.ok_or_else(reason)?,
        })
    }

    /// Whether the policy asks for any witness at all.
    #[must_use]
    pub fn needs_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether cosignatures by these keys meet the quorum.
    #[must_use]
    pub fn quorum_met(&self, cosigned: &[&VerifierKey]) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            // A rule refers only to earlier ones, so their answers are there.
            met.push(match rule {
                Rule::Witness(index) => cosigned.contains(&&self.witnesses[*index]),
                Rule::Group { threshold, members } => {
                    members.iter().filter(|member| met[**member]).count() >= *threshold
                }
            });
        }
        self.quorum.is_none_or(|rule| met[rule])
    }
}

/// The policy file of a log without witnesses: its keys and `quorum none`.
#[must_use]
pub fn without_witnesses(logs: &[VerifierKey]) -> String {
    let mut text: String = logs.iter().map(|key| format!("log {key}\n")).collect();
    text.push_str("quorum none\n");
    text
}

#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    rules: Vec<Rule>,
    /// Name → rule, and whether a group already counts it.
    names: HashMap<String, (usize, bool)>,
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["log", key] | ["log", key, _] => add_key(&mut self.logs, key, KeyKind::Log),
            ["witness", name, key] | ["witness", name, key, _] => {
                add_key(&mut self.witnesses, key, KeyKind::Witness)?;
                self.define(name, Rule::Witness(self.witnesses.len() - 1))
            }
            ["group", name, threshold, members @ ..] if !members.is_empty() => {
                let rule = self.group(threshold, members)?;
                self.define(name, rule)
            }
            ["quorum", name] if self.quorum.is_none() => {
                let rule = match *name {
                    "none" => None,
                    name => Some(self.names.get(name).ok_or("the quorum is not defined")?.0),
                };
                self.quorum = Some(rule);
                Ok(())
            }
            _ => Err("not a line of this format".into()),
        }
    }

    fn group(&mut self, threshold: &str, members: &[&str]) -> Result<Rule, String> {
        let mut rules = Vec::with_capacity(members.len());
        for name in members {
            let (rule, used) = self.names.get_mut(*name).ok_or("a member is not defined")?;
            if std::mem::replace(used, true) {
                return Err("a member is in a group already".into());
            }
            rules.push(*rule);
        }
        let threshold = match threshold {
            "all" => rules.len(),
            "any" => 1,
            number => number
                .parse()
                .map_err(|_| "the threshold is not a number")?,
        };
        if !(1..=rules.len()).contains(&threshold) {
            return Err("the threshold does not fit the members".into());
        }
        Ok(Rule::Group {
            threshold,
            members: rules,
        })
    }

    fn define(&mut self, name: &str, rule: Rule) -> Result<(), String> {
        self.rules.push(rule);
        let entry = (self.rules.len() - 1, false);
        if name == "none" || self.names.insert(name.to_owned(), entry).is_some() {
            return Err("the name is taken".into());
        }
        Ok(())
    }
}

fn add_key(keys: &mut Vec<VerifierKey>, text: &str, kind: KeyKind) -> Result<(), String> {
    let key = VerifierKey::parse(text).map_err(|error: NoteError| error.to_string())?;
    if key.kind() != kind {
        return Err("the key is of the other kind".into());
    }
    if keys
        .iter()
        .any(|other| other.public_bytes() == key.public_bytes())
    {
        return Err("the key is listed twice".into());
    }
    keys.push(key);
    Ok(())
}
