//! What a run found out: its figures, and how they are printed and drawn.

pub(crate) mod histogram;
pub(crate) mod machine;
pub mod plot;
pub(crate) mod section;
pub(crate) mod single;
