//! What `top`, `ls` and `doctor` have in common: the status of processes, as lines, as text and as JSON.

pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod rates;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod users;
