//! What the screen shows, and how keys change that. It knows no terminal.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::command::status::line::{Key, Line};

/// Looks that a sparkline shows, at most.
const HISTORY: usize = 240;
/// Lines that a page key moves by.
const PAGE: usize = 10;

/// What the lines are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Process,
    Rate,
    Bytes,
    Waiting,
    Dropped,
    Memory,
    Endpoint,
    Carrier,
}

impl Sort {
    const ALL: [Sort; 8] = [
        Sort::Process,
        Sort::Rate,
        Sort::Bytes,
        Sort::Waiting,
        Sort::Dropped,
        Sort::Memory,
        Sort::Endpoint,
        Sort::Carrier,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Sort::Process => "process",
            Sort::Rate => "messages",
            Sort::Bytes => "bytes",
            Sort::Waiting => "waiting",
            Sort::Dropped => "drops",
            Sort::Memory => "memory",
            Sort::Endpoint => "endpoint",
            Sort::Carrier => "carrier",
        }
    }

    fn compare(self, one: &Line, other: &Line) -> Ordering {
        let bytes =
            |line: &Line| line.out.byte_rate.unwrap_or(0.0) + line.into.byte_rate.unwrap_or(0.0);
        match self {
            Sort::Process => one.key.cmp(&other.key),
            // The greatest first.
            Sort::Rate => other.rate().total_cmp(&one.rate()),
            Sort::Bytes => bytes(other).total_cmp(&bytes(one)),
            Sort::Waiting => other.waiting().cmp(&one.waiting()),
            Sort::Dropped => other.dropped.cmp(&one.dropped),
            Sort::Memory => other.memory.cmp(&one.memory),
            Sort::Endpoint => one.endpoint.cmp(&other.endpoint),
            Sort::Carrier => one.carrier.cmp(&other.carrier),
        }
    }
}

/// What takes up the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Table,
    /// The line of this key.
    Details(Key),
    Help,
}

/// What is to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Go,
    Quit,
    /// Ctrl-C.
    Interrupt,
}

/// Messages in a second of one line, at the last looks: sent and received.
pub(super) type History = VecDeque<(f64, f64)>;

#[derive(Debug)]
pub(super) struct State {
    /// All lines of the last look, in their own order.
    all: Vec<Line>,
    /// Those that are shown, sorted.
    pub(super) lines: Vec<Line>,
    pub(super) notes: Vec<String>,
    histories: HashMap<Key, History>,
    pub(super) sort: Sort,
    pub(super) reversed: bool,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    pub(super) paused: bool,
    pub(super) selected: Key,
    pub(super) view: View,
}

impl State {
    pub(super) fn new() -> State {
        State {
            all: Vec::new(),
            lines: Vec::new(),
            notes: Vec::new(),
            histories: HashMap::new(),
            sort: Sort::Process,
            reversed: false,
            filter: String::new(),
            typing: false,
            paused: false,
            selected: Key::default(),
            view: View::Table,
        }
    }

    /// Shows the lines of another look.
    pub(super) fn take(&mut self, lines: Vec<Line>, notes: Vec<String>) {
        let mut histories = HashMap::new();
        for line in &lines {
            let mut history = self.histories.remove(&line.key).unwrap_or_default();
            if let (Some(sent), Some(received)) = (line.out.rate, line.into.rate) {
                if history.len() == HISTORY {
                    history.pop_front();
                }
                history.push_back((sent, received));
            }
            histories.insert(line.key, history);
        }
        self.histories = histories;
        (self.all, self.notes) = (lines, notes);
        self.arrange();
    }

    pub(super) fn history(&self, key: &Key) -> Option<&History> {
        self.histories.get(key)
    }

    /// The line of this key, also if the filter hides it.
    pub(super) fn line(&self, key: &Key) -> Option<&Line> {
        self.all.iter().find(|line| line.key == *key)
    }

    /// The place of the selected line among those that are shown.
    pub(super) fn place(&self) -> Option<usize> {
        let mut lines = self.lines.iter();
        lines.position(|line| line.key == self.selected)
    }

    /// Filters and sorts.
    fn arrange(&mut self) {
        let before = self.place();
        let filter = self.filter.to_lowercase();
        let fits = |line: &&Line| filter.is_empty() || line.contains(&filter);
        self.lines = self.all.iter().filter(fits).cloned().collect();
        let sort = self.sort;
        self.lines.sort_by(|one, other| {
            let order = sort.compare(one, other);
            // Lines that are equal by it keep their places from look to look.
            let order = order.then_with(|| one.key.cmp(&other.key));
            if self.reversed {
                order.reverse()
            } else {
                order
            }
        });
        if self.place().is_none() && !self.lines.is_empty() {
            let place = before.unwrap_or(0).min(self.lines.len() - 1);
            self.selected = self.lines[place].key;
        }
    }

    fn select(&mut self, place: usize) {
        if let Some(last) = self.lines.len().checked_sub(1) {
            self.selected = self.lines[place.min(last)].key;
        }
    }

    /// Does what a key is for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Step {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'C') => Step::Interrupt,
                _ => Step::Go,
            };
        }
        if self.typing {
            self.type_filter(key.code);
            return Step::Go;
        }
        match self.view {
            View::Table => self.press_in_table(key.code),
            View::Details(_) | View::Help => {
                if matches!(
                    key.code,
                    KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Left
                ) || matches!(key.code, KeyCode::Char('q' | '?' | 'h'))
                {
                    self.view = View::Table;
                }
                Step::Go
            }
        }
    }

    fn press_in_table(&mut self, code: KeyCode) -> Step {
        let place = self.place().unwrap_or(0);
        match code {
            KeyCode::Char('q') => return Step::Quit,
            KeyCode::Char('?' | 'h') => self.view = View::Help,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('s') | KeyCode::Right => self.sort_by(1),
            KeyCode::Char('S') | KeyCode::Left => self.sort_by(Sort::ALL.len() - 1),
            KeyCode::Char('r') => {
                self.reversed = !self.reversed;
                self.arrange();
            }
            KeyCode::Esc => {
                self.filter.clear();
                self.arrange();
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(place.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(place.saturating_add(1)),
            KeyCode::PageUp => self.select(place.saturating_sub(PAGE)),
            KeyCode::PageDown => self.select(place.saturating_add(PAGE)),
            KeyCode::Home | KeyCode::Char('g') => self.select(0),
            KeyCode::End | KeyCode::Char('G') => self.select(usize::MAX),
            KeyCode::Enter if self.place().is_some() => {
                self.view = View::Details(self.selected);
            }
            _ => {}
        }
        Step::Go
    }

    fn sort_by(&mut self, steps: usize) {
        let place = Sort::ALL.iter().position(|sort| *sort == self.sort);
        self.sort = Sort::ALL[(place.unwrap_or(0) + steps) % Sort::ALL.len()];
        self.arrange();
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) if self.filter.len() < 64 => self.filter.push(character),
            _ => {}
        }
        self.arrange();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn line(pid: i32, endpoint: &str, rate: f64) -> Line {
        let mut line = Line {
            endpoint: endpoint.to_owned(),
            ..Line::default()
        };
        line.key.pid = pid;
        line.out.rate = Some(rate);
        line.into.rate = Some(0.0);
        line
    }

    fn press(state: &mut State, code: KeyCode) -> Step {
        state.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn pids(state: &State) -> Vec<i32> {
        state.lines.iter().map(|line| line.key.pid).collect()
    }

    #[test]
    fn lines_are_sorted_and_filtered_and_the_selected_one_stays() {
        let mut state = State::new();
        let lines = vec![
            line(1, "tcp://a", 5.0),
            line(2, "ipc://b", 9.0),
            line(3, "tcp://c", 7.0),
        ];
        state.take(lines.clone(), Vec::new());
        assert_eq!((pids(&state), state.selected.pid), (vec![1, 2, 3], 1));
        press(&mut state, KeyCode::Down);
        assert_eq!(state.selected.pid, 2);
        press(&mut state, KeyCode::Char('s'));
        assert_eq!((state.sort, pids(&state)), (Sort::Rate, vec![2, 3, 1]));
        assert_eq!(state.place(), Some(0));
        press(&mut state, KeyCode::Char('r'));
        assert_eq!((pids(&state), state.place()), (vec![1, 3, 2], Some(2)));
        for character in "/TCP".chars() {
            press(&mut state, KeyCode::Char(character));
        }
        assert_eq!((state.typing, pids(&state)), (true, vec![1, 3]));
        // While a filter is typed, letters are text.
        press(&mut state, KeyCode::Char('q'));
        assert!(pids(&state).is_empty());
        press(&mut state, KeyCode::Backspace);
        press(&mut state, KeyCode::Enter);
        assert_eq!(press(&mut state, KeyCode::Char('q')), Step::Quit);
        press(&mut state, KeyCode::Esc);
        assert_eq!(pids(&state).len(), 3);
        state.take(lines[..1].to_vec(), Vec::new());
        assert_eq!((state.selected.pid, state.place()), (1, Some(0)));
    }

    #[test]
    fn details_keep_their_line_and_its_history() {
        let mut state = State::new();
        assert_eq!(press(&mut state, KeyCode::Enter), Step::Go);
        assert_eq!(state.view, View::Table);
        for look in 0..2 * HISTORY {
            state.take(vec![line(1, "tcp://a", look as f64)], Vec::new());
        }
        press(&mut state, KeyCode::Enter);
        let View::Details(key) = state.view else {
            panic!("details");
        };
        assert_eq!(state.history(&key).unwrap().len(), HISTORY);
        state.take(Vec::new(), Vec::new());
        assert!(state.line(&key).is_none() && state.history(&key).is_none());
        press(&mut state, KeyCode::Esc);
        assert_eq!(state.view, View::Table);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.press(control), Step::Interrupt);
    }
}
