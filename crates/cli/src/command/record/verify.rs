//! `ringmq recording verify`.

use serde_json::json;

use super::file::{Common, damage_value, open, print, survey_all};
use crate::command::outcome::Failure;

/// Reads all of a file, and prints what is wrong.
pub(super) fn verify(common: &Common) -> Result<(), Failure> {
    let reader = open(&common.file, common.max_message)?;
    let found = survey_all(&reader, &common.file)?;
    let name = common.file.display();
    let messages = found.sound.statistics.messages;
    let text = || {
        let mut lines: Vec<String> = found
            .damages
            .iter()
            .map(|damage| format!("{name}: {damage}"))
            .collect();
        let state = if found.damages.is_empty() {
            "sound"
        } else {
            "damaged"
        };
        lines.push(format!(
            "{name}: {state}, {} messages in {} sound chunks, {} dropped by the recorder",
            messages, found.sound.statistics.chunks, found.dropped
        ));
        lines.join("\n")
    };
    let value = || {
        json!({
            "file": name.to_string(),
            "sound": found.damages.is_empty(),
            "messages": messages,
            "chunks": found.sound.statistics.chunks,
            "dropped": found.dropped,
            "damages": found.damages.iter().map(damage_value).collect::<Vec<_>>(),
        })
    };
    print(common.json, text, value)?;
    match found.damages.first() {
        None => Ok(()),
        Some(damage) => Err(
            Failure::work(format_args!("{name} is not whole: {damage}")).remedy(format_args!(
                "`ringmq recording repair {name}` keeps the {messages} messages that are sound"
            )),
        ),
    }
}
