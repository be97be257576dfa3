//! Paths of an export: read strictly, written in one way.

use crate::audit::tiles::Tile;
use crate::domain::ids::Digest;
use crate::store::change::DocumentKind;

/// Every kind of document an export holds.
pub(super) const KINDS: [DocumentKind; 5] = [
    DocumentKind::Terms,
    DocumentKind::Act,
    DocumentKind::Roster,
    DocumentKind::Policy,
    DocumentKind::Manifest,
];
/// A path of an export. Only the spelling that [`LogPath::to_path`] writes is one, so nothing
/// else of the host can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LogPath {
    /// A tile or an entry bundle.
    Tile(Tile),
    /// A document by its hash.
    Document(DocumentKind, Digest),
    /// The signature beside an act.
    Signature(Digest),
    /// Who could sign under a roster.
    AllowedSigners(Digest),
    /// An earlier checkpoint, by its size.
    Checkpoint(u64),
    /// `policy.txt`
    Policy,
    /// `README.txt`
    Readme,
    /// `verify.py`
    VerifyPy,
}

impl LogPath {
    /// Reads a path; `None` for anything else.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parsed = match path {
            "policy.txt" => Self::Policy,
            "README.txt" => Self::Readme,
            "verify.py" => Self::VerifyPy,
            path if path.starts_with("tile/") => Self::Tile(Tile::parse(path)?),
            path => Self::in_folder(path)?,
        };
        (parsed.to_path() == path).then_some(parsed)
    }

    fn in_folder(path: &str) -> Option<Self> {
        let (folder, name) = path.split_once('/')?;
        if folder == "allowed_signers" {
            return Some(Self::AllowedSigners(name.parse().ok()?));
        }
        let (stem, ending) = name.rsplit_once('.')?;
        match (folder, ending) {
            ("checkpoints", "note") => Some(Self::Checkpoint(stem.parse().ok()?)),
            ("acts", "sig") => Some(Self::Signature(stem.parse().ok()?)),
            (folder, "json") => {
                let kind = KINDS.into_iter().find(|kind| kind.folder() == folder)?;
                Some(Self::Document(kind, stem.parse().ok()?))
            }
            _ => None,
        }
    }

    /// The one spelling.
    pub(super) fn to_path(&self) -> String {
        match self {
            Self::Tile(tile) => tile.to_string(),
            Self::Document(kind, sha256) => format!("{}/{}.json", kind.folder(), sha256.hex()),
            Self::Signature(sha256) => format!("acts/{}.sig", sha256.hex()),
            Self::AllowedSigners(sha256) => format!("allowed_signers/{}", sha256.hex()),
            Self::Checkpoint(size) => format!("checkpoints/{size:020}.note"),
            Self::Policy => "policy.txt".to_owned(),
            Self::Readme => "README.txt".to_owned(),
            Self::VerifyPy => "verify.py".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_an_export_is_read_back_as_written() {
        let sha256 = Digest::of(b"x");
        let mut paths = vec![
            LogPath::Signature(sha256),
            LogPath::AllowedSigners(sha256),
            LogPath::Checkpoint(0),
            LogPath::Checkpoint(70_000),
            LogPath::Policy,
            LogPath::Readme,
            LogPath::VerifyPy,
        ];
        paths.extend(KINDS.map(|kind| LogPath::Document(kind, sha256)));
        paths.extend(crate::audit::tiles::tiles_of(70_000).map(LogPath::Tile));
        for path in paths {
            assert_eq!(LogPath::parse(&path.to_path()), Some(path));
        }
    }

    #[test]
    fn nothing_else_is_a_path() {
        let hex = Digest::of(b"x").hex();
        for wrong in [
            String::new(),
            "/policy.txt".into(),
            "../policy.txt".into(),
            "terms/../policy.txt".into(),
            format!("terms/../acts/{hex}.json"),
            format!("terms/{}.json", hex.to_uppercase()),
            format!("terms/{hex}.sig"),
            format!("terms/{hex}.json/"),
            format!("terms//{hex}.json"),
            format!("acts/{hex}"),
            format!("objects/{hex}.json"),
            format!("allowed_signers/{hex}.json"),
            "checkpoints/7.note".into(),
            "checkpoints/+0000000000000000007.note".into(),
            "checkpoint".into(),
            "tile/0/../../policy.txt".into(),
            "tile/0/000.p/0".into(),
            "policy.txt\0".into(),
        ] {
            assert_eq!(LogPath::parse(&wrong), None, "{wrong}");
        }
    }
}
