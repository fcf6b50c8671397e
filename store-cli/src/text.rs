//! Text for people: durations, and words that come from elsewhere.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

/// `text` without control characters: what a server or a cluster says must not steer the terminal.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Cow::Owned(text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect());
    }
    Cow::Borrowed(text)
}

/// Two units at most: `0.4s`, `12s`, `2m 5s`, `3h 10m`, `4d 2h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{:.1}s", duration.as_secs_f64()),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The time from `from` to `to`; nothing if clocks disagree.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// How long ago, in one unit, as lists show it: `12s`, `5m`, `3h`, `9d`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = between(since, now).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `1 store`, `2 stores`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let read = |millis| duration(Duration::from_millis(millis));
        assert_eq!(read(420), "0.4s");
        assert_eq!(read(59_900), "59s");
        assert_eq!(read(125_000), "2m 5s");
        assert_eq!(read(11_400_000), "3h 10m");
        assert_eq!(read(360_000_000), "4d 4h");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
        assert!(matches!(plain("plain"), Cow::Borrowed(_)));
    }
}
