//! What an incident waits for and what people said to it, besides shares.

use crate::api::PaperView;

pub(in crate::web) const NO_WAITS_NOW: &str =
    "A second stop or veto by one person within a day counts when another person signs it too.";
pub(in crate::web) const OVERRIDE: &str =
    "A security person must lift the closed gates: no further custodian exists.";
pub(in crate::web) const OVERRIDE_NOW: &str = "Security signs on the command line:";
pub(in crate::web) const EXTENSION_NOW: &str = "Custodians agree on the command line; no share is needed, and without enough of them the old deadline stands:";

pub(in crate::web) fn vetoed(name: &str) -> String {
    format!("{name} vetoed it:")
}

pub(in crate::web) fn refused(name: &str) -> String {
    format!("{name} refused:")
}

pub(in crate::web) fn no_waits(name: &str) -> String {
    format!("{name} wants it to end:")
}

pub(in crate::web) fn co_approver(role: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("✓ {name} agreed as {role}."),
        None => format!("One {role} must agree besides the custodians."),
    }
}

pub(in crate::web) fn lifted(name: &str, gates: &[String]) -> String {
    let gates: Vec<String> = gates.iter().map(|gate| gate.replace('_', " ")).collect();
    format!("{name} lifted: {}.", gates.join(", "))
}

pub(in crate::web) fn paper(paper: &PaperView) -> String {
    let (opener, keeper, witness) = (&paper.opener_name, &paper.keeper_name, &paper.witness_name);
    let bag = &paper.bag;
    if paper.released {
        format!("✓ {opener} gave {keeper}'s share with her paper (bag {bag}); {witness} stood by.")
    } else {
        format!("{witness} stands by while {opener} opens {keeper}'s paper (bag {bag}).")
    }
}

pub(in crate::web) fn missing(what: &str) -> String {
    format!("Enough shares are in, but it waits: {what}.")
}

pub(in crate::web) fn extension(minutes: u32, signed: usize, needed: u8) -> String {
    format!("{minutes} minutes in all are asked for; {signed} of {needed} custodians agreed.")
}
