//! What a run found out: its figures, and how they are printed and drawn.

mod figures;
pub(crate) mod histogram;
pub(crate) mod machine;
pub(crate) mod measured;
pub(crate) mod median;
pub(crate) mod outcome;
pub mod plot;
pub(crate) mod section;
pub(crate) mod single;
