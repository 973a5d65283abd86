//! Dates of packages: one time for all files, so that two builds of one commit are the same bytes.

use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

/// Seconds since 1970: `SOURCE_DATE_EPOCH` if it is set, else the time of the last commit.
pub(crate) fn epoch(workspace: &Workspace) -> Outcome<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => process::answer(Command::new("git").current_dir(workspace.root()).args([
            "log",
            "-1",
            "--format=%ct",
        ]))?,
    };
    text.trim()
        .parse()
        .map_err(|_| Failure::new(format!("SOURCE_DATE_EPOCH is no number: `{text}`")))
}

/// Year, month, day, hour, minute and second of a time, in UTC.
pub(crate) struct Moment {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
}

impl Moment {
    pub(crate) fn of(epoch: u64) -> Moment {
        // Days are counted from 1 March of the year 0: a leap day is the last day of its year.
        let days = epoch / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let seconds = epoch % 86_400;
        Moment {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    /// As 2026-11-30.
    pub(crate) fn day(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// As 2026-11-30T18:00:00Z.
    pub(crate) fn rfc3339(&self) -> String {
        let Moment {
            hour,
            minute,
            second,
            ..
        } = self;
        format!("{}T{hour:02}:{minute:02}:{second:02}Z", self.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_796_061_600, "2026-11-30T18:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Moment::of(epoch).rfc3339(), text);
        }
    }
}
