//! A share released with a sheet of paper: the witness's signature, and the sealed share that the
//! opener she named may fetch (PROTOCOL §2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::step::With;
use crate::api::{ShareView, SignedDocument};
use crate::domain::act::Deed;
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::command::{Command, ShareOffer, WitnessOffer};
use crate::domain::incident::{Incident, PaperFault, Refusal};

impl App {
    /// Somebody signs that she stands beside the opener of a paper.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn witness_paper(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, "witness").await?;
        let result = self.witness_verified(id, &verified).await;
        self.or_refused(&verified, id, result).await
    }

    async fn witness_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<Incident, AppError> {
        let Deed::Witness {
            opener,
            index,
            manifest_sha256,
            unlocker,
            bag,
        } = &verified.act.deed
        else {
            return Err(AppError::BadDocument("not an act of witnessing".into()));
        };
        let offer = WitnessOffer {
            person: verified.act.person.clone(),
            opener: opener.clone(),
            index: *index,
            unlocker: unlocker.clone(),
            bag: bag.clone(),
            act_sha256: verified.sha256,
            terms_sha256: verified.terms()?,
            manifest_sha256: *manifest_sha256,
            signed_ms: verified.act.at_ms,
        };
        let person = offer.person.clone();
        let with = With::act(verified, self.now());
        let command = Command::Witness(offer);
        Ok(self.step(id, command, Some(&person), with).await?.incident)
    }

    /// The sealed share that a paper opens, for the opener whom a witness named and nobody else.
    ///
    /// # Errors
    /// [`PaperFault::NoWitness`] for everybody else.
    pub async fn paper_share(
        &self,
        id: &IncidentId,
        caller: &Caller,
    ) -> Result<ShareView, AppError> {
        let (incident, _) = self.load(id).await?;
        let gathering = incident.gathering();
        let named = gathering.and_then(|g| {
            let mut all = g.witnessing.iter().rev();
            all.find(|w| w.opener == caller.person)
        });
        let named = named.ok_or(Refusal::Paper(PaperFault::NoWitness))?;
        let (kind, epoch) = (incident.terms.kind, incident.terms.epoch);
        let share = self.inner.store.share(kind, epoch, named.index).await?;
        let share = share.ok_or_else(|| AppError::NotFound(format!("share of epoch {epoch}")))?;
        Ok(ShareView {
            kind: kind.word().to_owned(),
            epoch,
            index: named.index,
            share: BASE64.encode(share),
        })
    }

    /// Whose unlocker an approval names: the approver's own, or the keeper's of the paper that the
    /// rules have let pass.
    pub(super) fn keeper_of(
        &self,
        incident: &Incident,
        offer: &ShareOffer,
    ) -> Result<PersonId, AppError> {
        let facts = self.inner.facts.get();
        let mut people = facts.roster.people.iter();
        let owner = people.find(|p| p.unlockers.contains(&offer.unlocker));
        let fits = owner.filter(|p| match offer.witness_sha256 {
            None => p.id == offer.person,
            Some(_) => p.on_paper(&offer.unlocker),
        });
        fits.map(|p| p.id.clone()).ok_or_else(|| {
            AppError::NotAllowed(format!(
                "the unlocker named for {} is not this person's",
                incident.id
            ))
        })
    }
}
