//! Draws the state.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::{Paragraph, Sparkline, Wrap};

use crate::command::status::line::{Direction, Key, Line};
use crate::command::status::table::{self, Column};
use crate::command::status::text::{bytes, cut, or_dash, short, waiting};
use crate::command::status::users::Users;
use crate::command::top::screen::state::{State, View};

const HELP: &str = "\
up, down, j, k     select a line
PgUp, PgDn, g, G   select far away
Enter              details of the line
s, S               sort by another column
r                  reverse the order
/                  filter by a text; Esc ends that
blank              pause
q, ctrl-C          quit

A line is a connection, or a socket without one.
OUT, IN     messages in a second
B/s         bytes in a second
WAIT        messages that wait / may wait
CARRIER     shm: shared memory; ipc, tcp: ZMTP
DROPS       messages dropped for this peer
WAITS       how the socket waits
SLEEP/s     sleeps of the socket's threads
WAKE/s      wake-ups of the peer

Esc goes back.";

/// Whether colors are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colors(pub(super) bool);

impl Colors {
    fn of(self, color: Color) -> Style {
        if self.0 {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, users: &Users, colors: Colors) {
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [top, middle, bottom] = rows.areas(frame.area());
    frame.render_widget(title(state, top.width.into()), top);
    match state.view {
        View::Table => draw_table(frame, middle, state, users, colors),
        View::Details(key) => draw_details(frame, middle, state, &key, users, colors),
        View::Help => frame.render_widget(Paragraph::new(HELP).wrap(Wrap { trim: false }), middle),
    }
    frame.render_widget(footer(state, bottom.width.into()), bottom);
}

fn title(state: &State, width: usize) -> Paragraph<'static> {
    let sum = |value: fn(&Line) -> f64| state.lines.iter().map(value).sum::<f64>();
    let out = short(sum(|line| line.out.rate.unwrap_or(0.0)));
    let mut text = format!("ringmq top  {} lines  {out} msg/s", state.lines.len());
    let direction = if state.reversed { " (reversed)" } else { "" };
    text += &format!("  by {}{direction}", state.sort.name());
    if state.paused {
        text += "  paused";
    }
    Paragraph::new(cut(&text, width)).style(Style::new().add_modifier(Modifier::BOLD))
}

fn footer(state: &State, width: usize) -> Paragraph<'static> {
    let text = if state.typing {
        format!("filter: {}_", state.filter)
    } else if !state.filter.is_empty() {
        format!("filter: {}  (Esc: all)", state.filter)
    } else {
        match state.notes.first() {
            Some(note) => format!("q quit  ? help  {note}"),
            None => "q quit  ? help  Enter details  s sort  / filter".to_owned(),
        }
    };
    Paragraph::new(cut(&text, width)).style(Style::new().add_modifier(Modifier::DIM))
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, state: &State, users: &Users, colors: Colors) {
    let columns = table::columns(area.width.into(), &state.lines, users);
    let room = usize::from(area.height).saturating_sub(1);
    let place = state.place().unwrap_or(0);
    // The selected line is in sight.
    let first = place.saturating_sub(room.saturating_sub(1));
    let headings = table::headings(&columns);
    let mut rows = vec![Text::styled(
        headings,
        Style::new().add_modifier(Modifier::UNDERLINED),
    )];
    for (index, line) in state.lines.iter().enumerate().skip(first).take(room) {
        let mut spans = Vec::new();
        for (column, width) in &columns {
            if !spans.is_empty() {
                spans.push(Span::raw(" "));
            }
            let cell = column.cell(line, users, *width);
            spans.push(Span::styled(cell, style(*column, line, colors)));
        }
        let mut row = Text::from(spans);
        if index == place {
            row = row.style(Style::new().add_modifier(Modifier::REVERSED));
        }
        rows.push(row);
    }
    frame.render_widget(Paragraph::new(rows), area);
}

/// How a cell stands out.
fn style(column: Column, line: &Line, colors: Colors) -> Style {
    match column {
        Column::Carrier | Column::Reason => match line.carrier.as_str() {
            "shm" | "inproc" => colors.of(Color::Green),
            "ipc" => colors.of(Color::Yellow),
            "tcp" if !line.reason.is_empty() => colors.of(Color::Yellow),
            "connecting" | "handshake" => colors.of(Color::Red),
            _ => Style::new(),
        },
        Column::Dropped if line.dropped > 0 => colors.of(Color::Red),
        Column::WaitingOut if is_near_mark(&line.out) => colors.of(Color::Red),
        Column::WaitingIn if is_near_mark(&line.into) => colors.of(Color::Red),
        _ => Style::new(),
    }
}

/// Whether nine tenths of what may wait do.
fn is_near_mark(direction: &Direction) -> bool {
    match (direction.waiting, direction.mark) {
        (Some(waiting), Some(mark)) => waiting.count() >= mark.saturating_sub(mark / 10),
        _ => false,
    }
}

fn draw_details(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    key: &Key,
    users: &Users,
    colors: Colors,
) {
    let Some(line) = state.line(key) else {
        frame.render_widget(Paragraph::new("It is gone.  Esc goes back."), area);
        return;
    };
    let rows = details(line, users);
    let height = rows.len() as u16;
    let areas = Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(1),
        Constraint::Max(4),
        Constraint::Length(1),
        Constraint::Max(4),
    ]);
    let [text, out_title, out, in_title, into] = areas.areas(area);
    frame.render_widget(Paragraph::new(rows), text);
    let Some(history) = state.history(key).filter(|history| !history.is_empty()) else {
        return;
    };
    for (title_area, area, title, side, color) in [
        (out_title, out, "messages sent", 0, Color::Cyan),
        (in_title, into, "messages received", 1, Color::Magenta),
    ] {
        let values = history
            .iter()
            .map(|(sent, received)| [*sent, *received][side]);
        let most = values.clone().fold(0.0, f64::max);
        let title = format!("{title} in a second, {} at most", short(most));
        frame.render_widget(Paragraph::new(title), title_area);
        // The last ones that fit.
        let skip = history.len().saturating_sub(area.width.into());
        let bars: Vec<u64> = values.skip(skip).map(|value| value.ceil() as u64).collect();
        frame.render_widget(
            Sparkline::default().data(&bars).style(colors.of(color)),
            area,
        );
    }
}

/// All that is known of a line.
fn details(line: &Line, users: &Users) -> Vec<Text<'static>> {
    let reason = if line.reason.is_empty() {
        line.carrier.clone()
    } else {
        format!("{}: {}", line.carrier, line.reason)
    };
    let flow = |direction: &Direction| {
        let rate = or_dash(direction.rate, short);
        let byte_rate = or_dash(direction.byte_rate, bytes);
        let total = short(direction.messages as f64);
        format!(
            "{rate} msg/s, {byte_rate} B/s; {total} in all; waiting {}",
            waiting(direction)
        )
    };
    let rows = [
        (
            "process",
            format!(
                "{} {} of {}",
                line.program,
                line.key.pid,
                users.name(line.uid)
            ),
        ),
        (
            "socket",
            format!("{} {}, waits: {}", line.kind, line.side, line.wait),
        ),
        ("endpoint", line.endpoint.clone()),
        ("peer", line.peer.clone()),
        ("carrier", reason),
        ("sent", flow(&line.out)),
        ("received", flow(&line.into)),
        ("dropped", line.dropped.to_string()),
        ("memory", format!("{} bytes", line.memory)),
        (
            "sleeps",
            format!(
                "{} in a second; wake-ups of the peer: {}",
                or_dash(line.sleeps, short),
                or_dash(line.wakes, short)
            ),
        ),
    ];
    let row = |(name, text): (&str, String)| Text::from(format!("{name:>9}  {text}"));
    rows.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn screen(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let users = Users::default();
        terminal
            .draw(|frame| draw(frame, state, &users, Colors(true)))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer.content().chunks(width.into());
        let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_view_fits_any_terminal() {
        let mut state = State::new();
        let lines: Vec<Line> = (0..100)
            .map(|pid| {
                let mut line = Line {
                    program: "feed".to_owned(),
                    kind: "PUB".to_owned(),
                    carrier: "shm".to_owned(),
                    endpoint: format!("ipc:///run/feed{pid}"),
                    ..Line::default()
                };
                line.key.pid = pid;
                line.out.rate = Some(12_345.0);
                line.into.rate = Some(0.0);
                line
            })
            .collect();
        state.take(lines.clone(), vec!["a note".to_owned()]);
        state.take(lines, vec!["a note".to_owned()]);
        let narrow = screen(&state, 40, 10);
        assert!(
            narrow.contains("PROGRAM") && narrow.contains("12.3k"),
            "{narrow}"
        );
        assert!(!narrow.contains("ENDPOINT"), "{narrow}");
        assert!(screen(&state, 200, 10).contains("ipc:///run/feed3"));
        for view in [View::Table, View::Help, View::Details(state.selected)] {
            state.view = view;
            for (width, height) in [(1, 1), (2, 3), (40, 10), (300, 100)] {
                screen(&state, width, height);
            }
        }
        state.view = View::Details(state.selected);
        let details = screen(&state, 80, 30);
        assert!(details.contains("ipc:///run/feed0") && details.contains("messages sent"));
    }
}
