//! A table of lines, whose columns give way where there is no room for all.

use crate::command::status::line::Line;
use crate::command::status::text::{bytes, cut, cut_front, or_dash, short, waiting};
use crate::command::status::users::Users;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Pid,
    User,
    Program,
    Socket,
    Side,
    Endpoint,
    Peer,
    Carrier,
    Reason,
    Out,
    In,
    OutBytes,
    InBytes,
    WaitingOut,
    WaitingIn,
    Dropped,
    Memory,
    Wait,
    Sleeps,
    Wakes,
}

use Column::{
    Carrier, Dropped, Endpoint, In, InBytes, Memory, Out, OutBytes, Peer, Pid, Program, Reason,
    Side, Sleeps, Socket, User, Wait, WaitingIn, WaitingOut, Wakes,
};

/// All columns, in the order in which they stand.
pub(crate) const ALL: [Column; 20] = [
    Pid, User, Program, Socket, Side, Endpoint, Peer, Carrier, Out, In, OutBytes, InBytes,
    WaitingOut, WaitingIn, Dropped, Memory, Wait, Sleeps, Wakes, Reason,
];

/// All columns, in the order in which they are given room.
const ORDER: [Column; 20] = [
    Program, Socket, Carrier, Out, In, Endpoint, WaitingOut, Pid, Peer, WaitingIn, OutBytes,
    InBytes, Dropped, Reason, Side, Memory, Wait, Sleeps, Wakes, User,
];

/// Columns of a table, with their widths.
pub(crate) type Columns = Vec<(Column, usize)>;

impl Column {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Pid => "PID",
            User => "USER",
            Program => "PROGRAM",
            Socket => "SOCKET",
            Side => "SIDE",
            Endpoint => "ENDPOINT",
            Peer => "PEER",
            Carrier => "CARRIER",
            Reason => "REASON",
            Out => "OUT/s",
            In => "IN/s",
            OutBytes => "OUT B/s",
            InBytes => "IN B/s",
            WaitingOut => "OUT WAIT",
            WaitingIn => "IN WAIT",
            Dropped => "DROPS",
            Memory => "MEMORY",
            Wait => "WAITS",
            Sleeps => "SLEEP/s",
            Wakes => "WAKE/s",
        }
    }

    /// Whether its texts are numbers, which stand at the right.
    fn is_number(self) -> bool {
        matches!(
            self,
            Pid | Out
                | In
                | OutBytes
                | InBytes
                | WaitingOut
                | WaitingIn
                | Dropped
                | Memory
                | Sleeps
                | Wakes
        )
    }

    /// The least width that is of use, and the most that is needed where there is plenty.
    fn widths(self) -> (usize, usize) {
        match self {
            Pid => (7, 7),
            User => (8, 12),
            Program => (8, 15),
            Socket => (6, 7),
            Side => (7, 7),
            Endpoint => (12, 60),
            Peer => (10, 30),
            Carrier => (7, 10),
            Reason => (12, 50),
            Out | In => (6, 6),
            OutBytes | InBytes => (7, 7),
            WaitingOut | WaitingIn => (9, 11),
            Dropped => (6, 6),
            Memory => (6, 6),
            Wait => (8, 8),
            Sleeps | Wakes => (7, 7),
        }
    }

    /// What it says of a line.
    pub(crate) fn text(self, line: &Line, users: &Users) -> String {
        match self {
            Pid => line.key.pid.to_string(),
            User => users.name(line.uid),
            Program => line.program.clone(),
            Socket => line.kind.clone(),
            Side => line.side.to_owned(),
            Endpoint => line.endpoint.clone(),
            Peer => line.peer.clone(),
            Carrier => line.carrier.clone(),
            Reason => line.reason.clone(),
            Out => or_dash(line.out.rate, short),
            In => or_dash(line.into.rate, short),
            OutBytes => or_dash(line.out.byte_rate, bytes),
            InBytes => or_dash(line.into.byte_rate, bytes),
            WaitingOut => waiting(&line.out),
            WaitingIn => waiting(&line.into),
            Dropped => short(line.dropped as f64),
            Memory => bytes(line.memory as f64),
            Wait => line.wait.to_owned(),
            Sleeps => or_dash(line.sleeps, short),
            Wakes => or_dash(line.wakes, short),
        }
    }

    /// The width of its longest text, that of its title included.
    fn longest(self, lines: &[Line], users: &Users) -> usize {
        let texts = lines
            .iter()
            .map(|line| self.text(line, users).chars().count());
        texts.max().unwrap_or(0).max(self.title().len())
    }

    /// What it says of a line, in exactly this width.
    pub(crate) fn cell(self, line: &Line, users: &Users, width: usize) -> String {
        let text = self.text(line, users);
        if self.is_number() {
            format!("{:>width$}", cut(&text, width))
        } else if matches!(self, Endpoint) {
            format!("{:width$}", cut_front(&text, width))
        } else {
            format!("{:width$}", cut(&text, width))
        }
    }

    /// Its title, in exactly this width.
    pub(crate) fn heading(self, width: usize) -> String {
        let title = cut(self.title(), width);
        if self.is_number() {
            format!("{title:>width$}")
        } else {
            format!("{title:width$}")
        }
    }
}

/// The columns that fit into a width, with a blank between two. The first two of the order stay at any width.
pub(crate) fn columns(width: usize, lines: &[Line], users: &Users) -> Columns {
    let mut chosen: Vec<(Column, usize)> = Vec::new();
    let mut left = width;
    for column in ORDER {
        let needed = column.widths().0 + usize::from(!chosen.is_empty());
        if needed <= left || chosen.len() < 2 {
            chosen.push((column, column.widths().0));
            left = left.saturating_sub(needed);
        }
    }
    // What is left goes to those who need more, in the same order.
    for (column, width) in &mut chosen {
        let wanted = column
            .longest(lines, users)
            .min(column.widths().1)
            .saturating_sub(*width)
            .min(left);
        *width += wanted;
        left -= wanted;
    }
    let place = |column: Column| ALL.iter().position(|other| *other == column);
    chosen.sort_by_key(|(column, _)| place(*column));
    chosen
}

/// All columns, each as wide as its longest text.
pub(crate) fn all_columns(lines: &[Line], users: &Users) -> Columns {
    let wide = |column: Column| (column, column.longest(lines, users));
    ALL.into_iter().map(wide).collect()
}

/// The titles of columns, in one line.
pub(crate) fn headings(columns: &Columns) -> String {
    let titles = columns.iter().map(|(column, width)| column.heading(*width));
    titles.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// What columns say of a line.
pub(crate) fn row(line: &Line, columns: &Columns, users: &Users) -> String {
    let cells = columns
        .iter()
        .map(|(column, width)| column.cell(line, users, *width));
    cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way() {
        let users = Users::default();
        let fits = |width: usize| {
            let columns = columns(width, &[], &users);
            let used: usize = columns.iter().map(|(_, width)| width + 1).sum();
            assert!(used - 1 <= width, "{width}: {columns:?}");
            columns
                .into_iter()
                .map(|(column, _)| column)
                .collect::<Vec<_>>()
        };
        assert_eq!(fits(40), [Program, Socket, Carrier, Out, In]);
        assert!(fits(80).contains(&Endpoint) && fits(80).contains(&WaitingOut));
        assert_eq!(fits(300), ALL);
        assert_eq!(columns(3, &[], &users).len(), 2);
    }
}
