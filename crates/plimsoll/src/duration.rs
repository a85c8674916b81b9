//! Go's durations, which flags, queries and reports of Go's programs are full of. In: `1m30s`. Out: a time; and back.

use std::time::Duration;

/// A duration as Go prints it: `10s`, `1m30s`, `1.5s`, `300ms`.
pub fn read(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let mut rest = text;
    let mut seconds = 0.0;
    if rest.is_empty() || rest.len() > 40 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (_, factor) = UNITS.iter().find(|(name, _)| Some(*name) == after.get(..unit_end))?;
        seconds += number * factor;
        rest = after.get(unit_end..)?;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// A duration as Go writes it: `855.47µs`, `1.2ms`, `2m3s`.
pub fn written(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let short = |value: f64, digits: usize, unit: &str| {
        let text = format!("{value:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text}{unit}")
    };
    match nanoseconds {
        0 => "0s".into(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => short(nanoseconds as f64 / 1e3, 3, "µs"),
        1_000_000..1_000_000_000 => short(nanoseconds as f64 / 1e6, 6, "ms"),
        _ => {
            let seconds = duration.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = short((seconds % 60) as f64 + f64::from(duration.subsec_nanos()) / 1e9, 9, "s");
            match (hours, minutes) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [("1h2m3s", 3723.0), ("1.5s", 1.5), ("300ms", 0.3), ("5us", 5e-6)] {
            assert!((read(text).unwrap().as_secs_f64() - seconds).abs() < 1e-9, "{text}");
        }
        for text in ["", "5", "s", "5x", "5s5", "..s", "1.2.3s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let text = |nanoseconds: u64| written(Duration::from_nanos(nanoseconds));
        assert_eq!(text(0), "0s");
        assert_eq!(text(420), "420ns");
        assert_eq!(text(855_470), "855.47µs");
        assert_eq!(text(1_200_000), "1.2ms");
        assert_eq!(text(2_000_000_000), "2s");
        assert_eq!(text(123_500_000_000), "2m3.5s");
        assert_eq!(text(3_600_000_000_000), "1h0m0s");
    }
}
