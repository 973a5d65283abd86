//! A row and a section of rows that are to be measured.

use crate::plan::rows::names;
use crate::plan::size::Size;
use crate::plan::spec::Spec;

/// The base of rows whose floor is measured beside them.
pub(crate) const FLOOR: &str = "floor";

/// The payload of rows that are measured with one size only.
pub(crate) const PAYLOAD: Size = Size(64);

/// A row that is to be measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// The name in the table.
    pub name: String,
    /// What is run.
    pub spec: Spec,
    /// The index of its floor among the rows of its section; its own index, if it is a floor.
    pub floor: usize,
}

/// A section that is to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) title: String,
    /// What the table calls the rows that other rows are compared with.
    pub(crate) base: &'static str,
    pub(crate) rows: Vec<Row>,
    /// The number of processes that compute meanwhile.
    pub(crate) busy: usize,
}

impl Planned {
    /// A section of `blocks`. The first row of each block is the floor of its block.
    pub(super) fn new(title: String, base: &'static str, blocks: Vec<Vec<Spec>>) -> Planned {
        let mut rows = Vec::new();
        for block in blocks {
            let floor = rows.len();
            rows.extend(block.into_iter().map(|spec| Row {
                name: names::name(&spec),
                spec,
                floor,
            }));
        }
        Planned {
            title,
            base,
            rows,
            busy: 0,
        }
    }
}
