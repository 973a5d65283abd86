//! The live table on a terminal.

mod draw;
mod state;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::command::outcome::Failure;
use crate::command::status::line::lines;
use crate::command::status::users::Users;
use crate::command::top::looks::{Looks, notes};
use draw::Colors;
use state::{State, Step};

/// How long a signal may wait.
const TURN: Duration = Duration::from_millis(100);

/// Shows the table until a key or a signal ends it. The terminal is as before then, also after a panic.
pub(super) fn run(looks: Looks, interval: Duration) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::usage("standard output is no terminal")
            .remedy("use --once for one table, or --json for one value a line"));
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::work(format_args!("cannot wait for signals: {error}")))?;
    let failed = |error: io::Error| {
        Failure::work(format_args!("cannot use the terminal: {error}"))
            .remedy("use --once for one table, or --json for one value a line")
    };
    // Its panic hook gives the terminal back, too.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let ended = show(&mut terminal, looks, interval, &mut signals);
    ratatui::restore();
    match ended.map_err(failed)? {
        None => Ok(()),
        Some(signal) => Err(Failure::signal(signal)),
    }
}

/// Returns the signal that has ended it, if one has.
fn show(
    terminal: &mut DefaultTerminal,
    mut looks: Looks,
    interval: Duration,
    signals: &mut Signals,
) -> io::Result<Option<i32>> {
    let users = Users::read();
    let colors = Colors(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    let mut state = State::new();
    let (mut next, mut looked) = (Instant::now(), false);
    loop {
        let now = Instant::now();
        if now >= next && !state.paused {
            let snapshot = looks.look();
            state.take(lines(&snapshot, &looks.rates), notes(&snapshot));
            // The first rates come soon.
            let again = std::mem::replace(&mut looked, true);
            next = now + if again { interval } else { interval.min(TURN) };
        }
        terminal.draw(|frame| draw::draw(frame, &state, &users, colors))?;
        let left = next.saturating_duration_since(Instant::now()).min(TURN);
        // All keys that wait, before the next picture.
        let mut wait = if state.paused { TURN } else { left };
        while event::poll(wait)? {
            wait = Duration::ZERO;
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
            {
                match state.press(key) {
                    Step::Go => {}
                    Step::Quit => return Ok(None),
                    Step::Interrupt => return Ok(Some(SIGINT)),
                }
            }
        }
        if let Some(signal) = signals.pending().next() {
            return Ok(Some(signal));
        }
    }
}
