//! Messages about paper shares: a sealed bag that is opened is everybody's business.

use super::incident::Case;
use super::{AlertDraft, Audience, Severity};
use crate::domain::incident::{Approval, Witnessing};

impl Case<'_> {
    /// A bag is about to be opened: told to all, the keeper included, while it can be stopped.
    pub(super) fn paper_witnessed(&self, witnessing: &Witnessing) -> AlertDraft {
        let name = |id| self.roster.name_of(id);
        let (opener, keeper) = (name(&witnessing.opener), name(&witnessing.keeper));
        let id = &self.incident.id;
        let body = format!(
            "{} signed that {opener} opens the paper share of {keeper} for {id}, from bag {}.\n\
             {keeper}, if you did not expect this: breakglass refuse {id} --reason TEXT, and tell \
             security, who can veto it.",
            name(&witnessing.person),
            witnessing.bag
        );
        let subject = self.subject("PAPER", &format!("{opener} opens the paper of {keeper}"));
        let everyone = Audience::Everyone;
        self.draft("paper.witnessed", Severity::Action, everyone, subject, body)
    }

    /// A paper share is in: told to all.
    pub(super) fn paper_used(&self, approval: &Approval) -> Option<AlertDraft> {
        let paper = approval.paper.as_ref()?;
        let name = |id| self.roster.name_of(id);
        let (opener, keeper) = (name(&approval.person), name(&paper.keeper));
        let body = format!(
            "{opener} released share {} of {keeper} with {keeper}'s paper; {} stood by. {}.\n\
             {opener} counts as one person and gives no other share. {keeper}: the bag is open; a \
             new paper replaces it: breakglass paper new --replace",
            approval.index,
            name(&paper.witness),
            self.count()
        );
        let subject = self.subject(
            "PAPER USED",
            &format!("{opener} with the paper of {keeper}"),
        );
        let everyone = Audience::Everyone;
        Some(self.draft("share.accept", Severity::Action, everyone, subject, body))
    }
}
