//! Versions of roster and policy: proposed by one person, signed by those whom the rules name,
//! in force in one transaction (PROTOCOL §1, §9).
//!
//! Every step reads what is in force from the signed log again; the rows only gather signatures.

use super::App;
use super::acts::{Caller, Verified};
use super::epochs::owed;
use super::error::AppError;
use super::step::With;
use super::versions::{self, Approved, signed_act};
use crate::api::{ProposalList, ProposalView, ProposeRequest, SignedDocument};
use crate::domain::act::Deed;
use crate::domain::alert::version;
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::incident::Refusal;
use crate::domain::roster::{Role, Roster, browsers};
use crate::sealed::versions::{SignedAct, Step, VersionError, What};
use crate::store::Proposal;
use crate::store::change::{Document, RowChange};

mod entries;

use entries::{changed_entry, shown, signature_entry};

/// Longest document that is read at all, bytes.
const MAX_VERSION_BYTES: usize = 256 * 1024;

impl App {
    /// Proposes a version; the proposer's act is the first signature under it. A custodian's
    /// change of her own unlockers takes effect at once.
    ///
    /// # Errors
    /// A refusal when the version can never take effect or the person may not propose.
    pub async fn propose(
        &self,
        request: &ProposeRequest,
        caller: &Caller,
    ) -> Result<ProposalView, AppError> {
        let verified = match self.verified(&request.act, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "propose", None, error).await),
        };
        let _one = self.inner.changing.lock().await;
        match self.propose_verified(&verified, &request.document).await {
            Ok(view) => Ok(view),
            Err(error) => Err(self.refused(&verified, None, error).await),
        }
    }

    async fn propose_verified(
        &self,
        verified: &Verified,
        document: &str,
    ) -> Result<ProposalView, AppError> {
        self.first_time(verified).await?;
        let (what, sha256) = agreed_to(verified)?;
        let bytes = document.as_bytes();
        if bytes.len() > MAX_VERSION_BYTES || Digest::of(bytes) != sha256 {
            return Err(AppError::BadDocument(
                "the document is not the one that was signed".into(),
            ));
        }
        self.may_sign_versions(&verified.act.person)?;
        if self.proposal(&sha256).await?.is_some() {
            return self.sign_proposal(verified, what, sha256).await;
        }
        let approved = self.approved().await?;
        let needs = approved
            .versions
            .needs(what, bytes)
            .map_err(|why| bad(what, &why))?;
        self.browsers_stay_few(&approved, what, bytes)?;
        let shown = shown(&approved, what, bytes)?;
        let (now, person) = (self.now(), &verified.act.person);
        let mut with = With::act(verified, now);
        with.drafts.push(signature_entry(
            &format!("{}.proposed", what.word()),
            verified,
            &sha256,
            &needs.words(),
        ));
        with.rows.extend([
            RowChange::PutProposal {
                what: what.word().to_owned(),
                sha256,
                bytes: bytes.to_vec(),
                person: person.clone(),
                at_ms: now,
            },
            RowChange::SignProposal {
                sha256,
                person: person.clone(),
                act_sha256: verified.sha256,
                at_ms: now,
            },
        ]);
        let roster = &approved.versions.roster;
        let mut alerts = vec![version::proposed(
            &shown.as_version(what, &needs.words()),
            person,
            roster,
        )];
        let (entries, told) = self.lock_out(&approved, &shown, verified)?;
        let locked = !entries.is_empty();
        with.drafts.extend(entries);
        alerts.extend(told);
        self.record(with.drafts, with.rows, alerts, None).await?;
        self.locked_out_since(locked).await?;
        self.settle_proposal(&sha256).await
    }

    /// After the commit: whoever is locked out is out from here on, also after a crash.
    async fn locked_out_since(&self, locked: bool) -> Result<(), AppError> {
        if locked {
            self.reload_facts().await?;
            self.cut_if_responder_left().await?;
            self.ask_collecting_again(None).await;
        }
        Ok(())
    }

    /// Adds a signature to a proposal.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a proposal that is none any more.
    pub async fn sign_version(
        &self,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<ProposalView, AppError> {
        let verified = match self.verified(signed, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "sign", None, error).await),
        };
        let _one = self.inner.changing.lock().await;
        let signed = async {
            self.first_time(&verified).await?;
            let (what, sha256) = agreed_to(&verified)?;
            self.may_sign_versions(&verified.act.person)?;
            self.sign_proposal(&verified, what, sha256).await
        };
        match signed.await {
            Ok(view) => Ok(view),
            Err(error) => Err(self.refused(&verified, None, error).await),
        }
    }

    async fn sign_proposal(
        &self,
        verified: &Verified,
        what: What,
        sha256: Digest,
    ) -> Result<ProposalView, AppError> {
        let proposal = self.proposal(&sha256).await?;
        let proposal = proposal
            .filter(|p| p.what == what.word())
            .ok_or_else(|| AppError::NotFound(format!("proposed {} {sha256}", what.word())))?;
        let person = &verified.act.person;
        if proposal.signed.iter().any(|(signer, _)| signer == person) {
            return Err(Refusal::SignedBefore.into());
        }
        let now = self.now();
        let mut with = With::act(verified, now);
        let kind = format!("{}.signed", what.word());
        with.drafts
            .push(signature_entry(&kind, verified, &sha256, ""));
        with.rows.push(RowChange::SignProposal {
            sha256,
            person: person.clone(),
            act_sha256: verified.sha256,
            at_ms: now,
        });
        let approved = self.approved().await?;
        // A proposal that nothing can bring into force any more locks nobody out.
        let (entries, alerts) = match shown(&approved, what, &proposal.bytes) {
            Ok(shown) => self.lock_out(&approved, &shown, verified)?,
            Err(_) => (Vec::new(), Vec::new()),
        };
        let locked = !entries.is_empty();
        with.drafts.extend(entries);
        self.record(with.drafts, with.rows, alerts, None).await?;
        self.locked_out_since(locked).await?;
        self.settle_proposal(&sha256).await
    }

    /// Brings a proposal into force when enough people have signed it; a crash between the last
    /// signature and this is made up for at start-up.
    async fn settle_proposal(&self, sha256: &Digest) -> Result<ProposalView, AppError> {
        let proposal = self.proposal(sha256).await?;
        let proposal = proposal.ok_or_else(|| AppError::NotFound(format!("proposal {sha256}")))?;
        let what = what_of(&proposal)?;
        let approved = self.approved().await?;
        let (people, acts) = self.standing(&approved, &proposal).await?;
        let step = Step {
            what,
            bytes: proposal.bytes.clone(),
            acts: acts.iter().map(|(_, act)| act.clone()).collect(),
        };
        let needs = match approved.versions.clone().step(&step) {
            Ok(needs) => needs,
            Err(VersionError::TooFew { .. }) => return self.view(&approved, &proposal),
            Err(why) => return Err(bad(what, &why)),
        };
        // Asked again: the policy may have come into force since it was proposed.
        self.browsers_stay_few(&approved, what, &proposal.bytes)?;
        let shown = shown(&approved, what, &proposal.bytes)?;
        let hashes: Vec<Digest> = acts.iter().map(|(hash, _)| *hash).collect();
        let entry = changed_entry(what, &approved, sha256, &shown, &needs.words(), &hashes);
        let mut rows = vec![
            RowChange::PutDocument(Document {
                kind: what.kind(),
                sha256: *sha256,
                bytes: proposal.bytes.clone(),
                signature: None,
            }),
            RowChange::SetCurrent {
                what: what.word().to_owned(),
                sha256: *sha256,
            },
            RowChange::EndProposals {
                what: what.word().to_owned(),
            },
        ];
        let words = needs.words();
        let roster = &approved.versions.roster;
        let mut alerts = vec![version::in_force(
            &shown.as_version(what, &words),
            &people,
            roster,
        )];
        if shown.deals_anew {
            let why = "the roster's custodians or k changed";
            rows.extend(owed(why));
            alerts.push(version::epoch_owed(why));
        }
        self.record(vec![entry], rows, alerts, None).await?;
        // In force and durable. If we stop here, the restart reads it from the log.
        self.reload_facts().await?;
        self.cut_if_responder_left().await?;
        self.inner.custody_changed.notify_waiters();
        self.ask_collecting_again(None).await;
        let view = self.view(&approved, &proposal)?;
        Ok(ProposalView {
            in_force: true,
            ..view
        })
    }

    /// Proposals that an earlier process left fully signed.
    pub(super) async fn settle_proposals(&self) -> Result<(), AppError> {
        let _one = self.inner.changing.lock().await;
        let waiting: Vec<Digest> = self
            .inner
            .store
            .proposals()
            .await?
            .into_iter()
            .map(|p| p.sha256)
            .collect();
        for sha256 in waiting {
            match self.settle_proposal(&sha256).await {
                // Another one took effect first and this one can never follow it.
                Ok(_) | Err(AppError::NotFound(_) | AppError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Signatures that still count: people who were locked out meanwhile have no say.
    async fn standing(
        &self,
        approved: &Approved,
        proposal: &Proposal,
    ) -> Result<(Vec<PersonId>, Vec<(Digest, SignedAct)>), AppError> {
        let roster = &approved.versions.roster;
        let (mut people, mut acts) = (Vec::new(), Vec::new());
        for (person, hash) in &proposal.signed {
            if roster.person(person).is_some() && !approved.locked_out.contains(person) {
                people.push(person.clone());
                acts.push((*hash, signed_act(&self.inner.store, hash).await?));
            }
        }
        Ok((people, acts))
    }

    /// Everything that waits for signatures.
    ///
    /// # Errors
    /// The store broke.
    pub async fn proposal_list(&self) -> Result<ProposalList, AppError> {
        let approved = self.approved().await?;
        let waiting = self.inner.store.proposals().await?;
        let proposals = waiting.iter().map(|p| self.view(&approved, p));
        Ok(ProposalList {
            proposals: proposals.collect::<Result<_, _>>()?,
        })
    }

    fn view(&self, approved: &Approved, proposal: &Proposal) -> Result<ProposalView, AppError> {
        let what = what_of(proposal)?;
        // One that can never follow what is in force any more says so in place of who must sign.
        let needs = match approved.versions.needs(what, &proposal.bytes) {
            Ok(needs) => needs.words(),
            Err(why) => format!("nothing can bring it into force: {why}"),
        };
        let document = String::from_utf8(proposal.bytes.clone())
            .map_err(|_| AppError::Inconsistent("a proposal is not text".into()))?;
        Ok(ProposalView {
            what: what.word().to_owned(),
            sha256: proposal.sha256.hex(),
            document,
            by: proposal.person.to_string(),
            at_ms: proposal.at_ms.0,
            signed: proposal
                .signed
                .iter()
                .map(|(person, _)| person.to_string())
                .collect(),
            needs,
            in_force: false,
        })
    }

    async fn approved(&self) -> Result<Approved, AppError> {
        versions::approved(&self.inner.store, &self.inner.settings).await
    }

    async fn proposal(&self, sha256: &Digest) -> Result<Option<Proposal>, AppError> {
        let waiting = self.inner.store.proposals().await?;
        Ok(waiting.into_iter().find(|p| p.sha256 == *sha256))
    }

    /// Refuses a roster by which a page of this host would open k shares, where the policy says so.
    fn browsers_stay_few(
        &self,
        approved: &Approved,
        what: What,
        bytes: &[u8],
    ) -> Result<(), AppError> {
        if what == What::Policy {
            return Ok(());
        }
        let after: Roster = canonical::parse_exact(bytes)?;
        let versions = &approved.versions;
        let host = self.console_host();
        let why = browsers::refused(&versions.policy, &versions.roster, &after, &host);
        why.map_or(Ok(()), |why| Err(AppError::NotAllowed(why)))
    }

    fn may_sign_versions(&self, person: &PersonId) -> Result<(), AppError> {
        let facts = self.inner.facts.get();
        let may = facts
            .roster
            .person(person)
            .is_some_and(|p| p.is(Role::Operator) || p.is(Role::Custodian));
        if may {
            return Ok(());
        }
        Err(Refusal::WrongRole {
            role: "operator or custodian",
        }
        .into())
    }
}

/// Which version an act agrees to.
fn agreed_to(verified: &Verified) -> Result<(What, Digest), AppError> {
    match &verified.act.deed {
        Deed::Roster { roster_sha256 } => Ok((What::Roster, *roster_sha256)),
        Deed::Policy { policy_sha256 } => Ok((What::Policy, *policy_sha256)),
        _ => Err(AppError::BadDocument(
            "not an act that agrees to a roster or policy".into(),
        )),
    }
}

fn what_of(proposal: &Proposal) -> Result<What, AppError> {
    What::from_word(&proposal.what)
        .ok_or_else(|| AppError::Inconsistent("a proposal is neither roster nor policy".into()))
}

fn bad(what: What, why: &VersionError) -> AppError {
    Refusal::BadVersion {
        what: what.word(),
        why: why.to_string(),
    }
    .into()
}
