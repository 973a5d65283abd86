//! The live table on a terminal.

mod draw;
mod state;

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::command::outcome::{self, Failure};
use crate::command::status::line::lines;
use crate::command::status::users::Users;
use crate::command::top::looks::{Looks, notes};
use draw::Colors;
use state::{State, Step};

/// How long a signal may wait.
const TURN: Duration = Duration::from_millis(100);
/// How long the table may take to end after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// Shows the table until a key or a signal ends it. The terminal is as before then, also after a panic.
pub(super) fn run(looks: Looks, interval: Duration) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::usage("standard output is no terminal")
            .remedy("use --once for one table, or --json for one value a line"));
    }
    let signals = signals()
        .map_err(|error| Failure::work(format_args!("cannot wait for signals: {error}")))?;
    let ended = on_terminal(|terminal| show(terminal, looks, interval, &signals));
    let failed = |error: io::Error| {
        Failure::work(format_args!("cannot use the terminal: {error}"))
            .remedy("use --once for one table, or --json for one value a line")
    };
    match ended.map_err(failed)? {
        None => Ok(()),
        Some(signal) => Err(Failure::signal(signal)),
    }
}

/// The signals that end the table. The process ends by them, too, if the table does not: crossterm reads on for ever where
/// the terminal has gone away.
fn signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let (to, from) = channel();
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            // The table may have ended by itself.
            let _ = to.send(signal);
            std::thread::sleep(GRACE);
            let _ = ratatui::try_restore();
            let _ = outcome::end(Err(Failure::signal(signal)));
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(from)
}

/// Takes the terminal for `show`. Gives it back then, and after a panic, too.
fn on_terminal<T>(show: impl FnOnce(&mut DefaultTerminal) -> io::Result<T>) -> io::Result<T> {
    // The panic hook that this sets gives the terminal back.
    let ended = ratatui::try_init().and_then(|mut terminal| show(&mut terminal));
    // A terminal that could not be taken may have been taken half.
    let restored = ratatui::try_restore();
    let value = ended?;
    restored.map(|()| value)
}

/// Returns the signal that has ended it, if one has.
fn show(
    terminal: &mut DefaultTerminal,
    mut looks: Looks,
    interval: Duration,
    signals: &Receiver<i32>,
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
        if let Ok(signal) = signals.try_recv() {
            return Ok(Some(signal));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use ringmq_testing::{role, watchdog};

    use super::*;

    const TEST: &str = "command::top::screen::tests::a_panic_gives_the_terminal_back";

    /// `script` makes a terminal, on which this test runs again and panics.
    #[test]
    fn a_panic_gives_the_terminal_back() {
        if role().is_some() {
            let _: io::Result<()> = on_terminal(|terminal| {
                terminal.draw(|frame| frame.render_widget("table", frame.area()))?;
                panic!("on purpose");
            });
            return;
        }
        let _guard = watchdog(Duration::from_secs(60));
        let itself = std::env::current_exe().unwrap();
        let command = format!(
            "stty cols 80 rows 20; before=$(stty -g); RINGMQ_TEST_ROLE=panics '{}' --exact {TEST} --nocapture; \
             test \"$before\" = \"$(stty -g)\" && echo mode is restored",
            itself.display()
        );
        let output = Command::new("script")
            .args(["-q", "-c", &command, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let place = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part:?} in {text:?}"))
        };
        // The ordinary screen is back before the message, so that the message stays there.
        let order = ["\x1b[?1049h", "table", "\x1b[?1049l", "on purpose"].map(place);
        assert!(order.is_sorted(), "{text:?}");
        place("mode is restored");
    }
}
