//! Parts of several pages.

pub(in crate::web) const COMMAND: &str = "Command";
pub(in crate::web) const COPY: &str = "Copy";
pub(in crate::web) const TOUCH: &str = "Touch your key…";
