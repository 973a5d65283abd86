//! What is found, and what helps.

use std::fmt;

use serde_json::{Value, json};

use crate::command::outcome::Failure;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Note,
    Problem,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) what: String,
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub(crate) fn good(what: impl fmt::Display) -> Finding {
        Finding {
            level: Level::Good,
            what: what.to_string(),
            remedy: None,
        }
    }

    /// It works, but less well.
    pub(crate) fn note(what: impl fmt::Display, remedy: impl fmt::Display) -> Finding {
        Finding {
            level: Level::Note,
            what: what.to_string(),
            remedy: Some(remedy.to_string()),
        }
    }

    /// It keeps something from working.
    pub(crate) fn problem(what: impl fmt::Display, remedy: impl fmt::Display) -> Finding {
        Finding {
            level: Level::Problem,
            ..Finding::note(what, remedy)
        }
    }

    pub(crate) fn as_json(&self) -> Value {
        let level = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        };
        json!({ "level": level, "what": self.what, "remedy": self.remedy })
    }
}

/// It keeps this command from going on.
impl From<Failure> for Finding {
    fn from(failure: Failure) -> Finding {
        let (what, remedy) = failure.into_parts();
        Finding {
            level: Level::Problem,
            what,
            remedy,
        }
    }
}

/// One line, and a second one with what helps.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "PROBLEM",
        };
        write!(f, "{level:8} {}", self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n         {remedy}"),
            None => Ok(()),
        }
    }
}
