//! A count that an end of a pipe keeps, and that its row shows.

use std::sync::Arc;

use super::Row;

/// The way of one count to its row. An end shows its count at slow points.
///
/// A connection may have several ends in turn that count the same. Each adds what is new.
#[derive(Debug)]
pub struct Shown {
    row: Arc<Row>,
    word: usize,
    last: u64,
}

impl Shown {
    /// Of an end whose count is 0.
    pub fn new(row: &Arc<Row>, word: usize) -> Shown {
        Shown {
            row: Arc::clone(row),
            word,
            last: 0,
        }
    }

    /// Shows how far the end has counted.
    #[inline]
    pub fn show(&mut self, count: u64) {
        if count != self.last {
            self.row.add(self.word, count.wrapping_sub(self.last));
            self.last = count;
        }
    }

    /// The row.
    pub fn row(&self) -> &Arc<Row> {
        &self.row
    }
}
