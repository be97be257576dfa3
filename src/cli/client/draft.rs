//! Settings of an enrolment on the way: what a line that fails wrote must not break a client that
//! works.

use std::path::Path;

use super::{CliError, Kept, Settings};
use crate::cli::files;

impl Kept {
    /// Settings of an enrolment that has not been checked yet: they are kept beside an earlier
    /// enrolment, which stays as it is until [`Kept::adopt`].
    pub(crate) fn drafted(path: &Path, settings: Settings) -> Self {
        let path = path.with_extension("enrolling");
        // What an earlier try left; one that cannot be removed is written over.
        let _ = std::fs::remove_file(&path);
        Self { path, settings }
    }

    /// Takes the place of the settings at `path`, with the CA's PEM where they name one. A crash
    /// between the two files leaves a CA that the settings do not know, which the next command
    /// says; the same line again mends it.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) async fn adopt(&mut self, path: &Path, ca: Option<&[u8]>) -> Result<(), CliError> {
        let _lock = self.lock().await?;
        if let (Some(file), Some(pem)) = (&self.settings.ca_file, ca) {
            files::write_private(file, pem)?;
        }
        self.drop_draft();
        path.clone_into(&mut self.path);
        self.save()
    }

    /// Forgets a draft whose enrolment failed.
    pub(crate) fn drop_draft(&self) {
        // One that stays behind is read by nobody.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::super::{Globals, path_of};
    use super::*;

    #[tokio::test]
    async fn an_enrolment_touches_nothing_of_an_earlier_one_before_it_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), &"prod-eu".parse().unwrap());
        let pem = folder.path().join("prod-eu.ca.pem");
        std::fs::write(&pem, "old").unwrap();
        let old = Settings {
            ca_file: Some(pem.clone()),
            ..settings()
        };
        let earlier = Kept {
            path: path.clone(),
            settings: old.clone(),
        };
        earlier.save().unwrap();
        let new = Settings {
            server: "https://elsewhere.example".to_owned(),
            ..old.clone()
        };
        // What a command writes on the way goes into the draft; a failed one leaves nothing.
        let failed = Kept::drafted(&path, new.clone());
        failed.save().unwrap();
        failed.drop_draft();
        assert_eq!(Kept::read(path.clone()).unwrap().settings, old);
        assert_eq!(std::fs::read(&pem).unwrap(), b"old");
        assert!(!failed.path.exists());

        let mut good = Kept::drafted(&path, new.clone());
        good.save().unwrap();
        good.adopt(&path, Some(b"new")).await.unwrap();
        assert_eq!(Kept::read(path).unwrap().settings, new);
        assert_eq!(std::fs::read(&pem).unwrap(), b"new");
        let globals = Globals {
            config: Some(folder.path().to_owned()),
            ..Globals::default()
        };
        assert_eq!(Kept::load(&globals).unwrap().settings, new);
    }
}
