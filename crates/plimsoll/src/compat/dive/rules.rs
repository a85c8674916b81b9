//! Dive's three thresholds. In: flags, a `.dive-ci` file and what was measured. Out: each rule's result. A threshold that
//! cannot be read fails the run: a rule that silently does not hold is a hole.

use std::path::Path;

use anyhow::{Context as _, bail};
use plimsoll_inventory::Efficiency;

use super::flags::Flags;

/// The file that is read where it is there.
const CONFIG: &str = ".dive-ci";
/// A handful of lines; more is no such file.
const MAX_CONFIG: u64 = 1 << 20;

/// What is compared with a threshold.
pub struct Rule {
    pub name: &'static str,
    /// As newer files spell it.
    alias: &'static str,
    default: &'static str,
    check: Check,
}

/// A threshold and what was measured to "holds", or what does not; an error where the threshold cannot be read.
type Check = fn(&str, &Efficiency) -> Result<Result<(), String>, String>;

/// In the order of the report.
pub const RULES: &[Rule] = &[
    Rule {
        name: "highestUserWastedPercent",
        alias: "highest-user-wasted-percent",
        default: "0.1",
        check: |threshold, measured| {
            let (threshold, is) = (ratio(threshold)?, user_wasted(measured));
            let words = "too much of what stands above the lowest layer is there several times";
            Ok(below(is <= threshold, || format!("{words} (%-user-wasted-bytes={is} > threshold={threshold})")))
        },
    },
    Rule {
        name: "highestWastedBytes",
        alias: "highest-wasted-bytes",
        default: DISABLED,
        check: |threshold, measured| {
            let (threshold, is) = (bytes(threshold)?, measured.repeated_bytes());
            let words = "too many bytes are in paths that are there several times";
            Ok(below(is <= threshold, || format!("{words} (wasted-bytes={is} > threshold={threshold})")))
        },
    },
    Rule {
        name: "lowestEfficiency",
        alias: "lowest-efficiency",
        default: "0.9",
        check: |threshold, measured| {
            let (threshold, is) = (ratio(threshold)?, measured.score());
            let words = "too little of what is shipped is seen";
            Ok(below(is >= threshold, || format!("{words} (efficiency={is} < threshold={threshold})")))
        },
    },
];

const DISABLED: &str = "disabled";

fn below(holds: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words()) }
}

/// Bytes of repeated paths as a share of all above the lowest layer.
pub fn user_wasted(measured: &Efficiency) -> f64 {
    match (measured.repeated_bytes(), measured.user_bytes()) {
        (0, _) => 0.0,
        // Sizes stay far below 2^53, where an f64 has no gaps; nothing to divide by is all of it.
        (wasted, user) => wasted as f64 / user as f64,
    }
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pass,
    Fail,
    Skip,
    Misconfigured,
}

/// A rule's status, and why where it needs words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub name: &'static str,
    pub status: Status,
    pub message: String,
}

/// A threshold for each rule, in the order of [`RULES`], and the file that they came from.
#[derive(Debug, Default)]
pub struct Thresholds {
    pub values: Vec<String>,
    pub file: Option<String>,
}

/// Flags before the file before the defaults.
pub fn thresholds(flags: &Flags) -> anyhow::Result<Thresholds> {
    let path = flags.ci_config.as_deref().unwrap_or(Path::new(CONFIG));
    let name = path.display().to_string();
    // A file that was named must be there: without it other thresholds would hold than were meant.
    let file = if flags.ci_config.is_some() || path.try_exists().with_context(|| format!("read {name}"))? {
        let bytes = crate::assess::read_bounded(path, MAX_CONFIG)?;
        let text = String::from_utf8(bytes).with_context(|| format!("read {name}"))?;
        Some((read(&text).with_context(|| format!("read {name}"))?, name))
    } else {
        None
    };
    let of_flags = [&flags.highest_user_wasted_percent, &flags.highest_wasted_bytes, &flags.lowest_efficiency];
    let value = |(rule, flag): (&Rule, &Option<String>)| {
        let of_file = || file.as_ref().and_then(|(read, _)| read.iter().find(|(name, _)| *name == rule.name));
        flag.clone().or_else(|| of_file().map(|(_, value)| value.clone())).unwrap_or_else(|| rule.default.to_owned())
    };
    let values = RULES.iter().zip(of_flags).map(value).collect();
    Ok(Thresholds { values, file: file.map(|(_, name)| name) })
}

/// The thresholds of a file: `rules:` with one line each. Case does not count, as in dive.
fn read(text: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let (documents, fault) = plimsoll_yaml::documents(text);
    if let Some(fault) = fault {
        bail!("line {}: {}", fault.line, fault.message);
    }
    let mut read = Vec::new();
    let tops = documents.iter().flat_map(|document| document.pairs());
    for (_, rules) in tops.filter(|(key, _)| key.text().is_some_and(|key| key.eq_ignore_ascii_case("rules"))) {
        if !rules.is_null() && !matches!(rules.value, plimsoll_yaml::Value::Map(_)) {
            bail!("line {}: rules is no mapping of rules to thresholds", rules.line);
        }
        for (key, value) in rules.pairs() {
            let name = key.text().unwrap_or_default();
            let is = |rule: &&Rule| rule.name.eq_ignore_ascii_case(name) || rule.alias.eq_ignore_ascii_case(name);
            let Some(rule) = RULES.iter().find(is) else {
                let known = RULES.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", ");
                bail!("line {}: there is no rule {name:?}; there are {known}", key.line);
            };
            match value.string() {
                Some(value) => read.push((rule.name, value.to_owned())),
                None => bail!("line {}: {name} has no threshold; `disabled` switches it off", key.line),
            }
        }
    }
    Ok(read)
}

/// What each rule says of what was measured.
pub fn outcomes(thresholds: &[String], measured: &Efficiency) -> Vec<Outcome> {
    let outcome = |(rule, threshold): (&Rule, &String)| {
        let (status, message) = if threshold == DISABLED {
            (Status::Skip, "rule disabled".to_owned())
        } else {
            match (rule.check)(threshold, measured) {
                Ok(Ok(())) => (Status::Pass, String::new()),
                Ok(Err(words)) => (Status::Fail, words),
                Err(words) => (Status::Misconfigured, words),
            }
        };
        Outcome { name: rule.name, status, message }
    };
    RULES.iter().zip(thresholds).map(outcome).collect()
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(format!("{text:?} is no ratio from 0 to 1")),
    }
}

/// `20MB`, `1.5 GiB`, `4096`: decimal units and binary ones, in any case.
fn bytes(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is no number of bytes; write 20MB or 1.5GiB");
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").parse().map_err(|_| bad())?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let powers = ["", "k", "m", "g", "t", "p"];
    let (letter, base) = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('i')) {
        Some(letter) => (letter, 1024f64),
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000f64),
    };
    let power = powers.iter().position(|known| *known == letter).ok_or_else(bad)?;
    let bytes = number * base.powi(i32::try_from(power).unwrap_or(0));
    // Beyond 2^64 every image is smaller.
    if bytes.is_finite() { Ok(bytes as u64) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use plimsoll_inventory::{MeasuredLayer, RepeatedPath};

    use super::*;

    fn measured(size: u64, smallest: u64) -> Efficiency {
        let layer = |file_bytes| MeasuredLayer { file_bytes, ..MeasuredLayer::default() };
        Efficiency {
            layers: vec![layer(600), layer(400)],
            repeated: vec![RepeatedPath { path: "a".into(), count: 2, size, smallest }],
            total: 1000,
            ..Efficiency::default()
        }
    }

    fn statuses(thresholds: [&str; 3], measured: &Efficiency) -> Vec<Status> {
        outcomes(&thresholds.map(str::to_owned), measured).into_iter().map(|outcome| outcome.status).collect()
    }

    #[test]
    fn thresholds_are_compared_with_what_was_measured() {
        use Status::*;
        let image = measured(200, 50);
        assert!((image.score() - 0.85).abs() < 1e-9 && (user_wasted(&image) - 0.5).abs() < 1e-9);
        assert_eq!(statuses(["0.1", "disabled", "0.9"], &image), [Fail, Skip, Fail]);
        assert_eq!(statuses(["0.5", "200", "0.85"], &image), [Pass, Pass, Pass]);
        assert_eq!(statuses(["0.4", "199B", "disabled"], &image), [Fail, Fail, Skip]);
        assert_eq!(statuses(["1.1", "1BB", "-9"], &image), [Misconfigured; 3]);
        assert_eq!(statuses(["NaN", "", "x"], &image), [Misconfigured; 3]);
        let clean = Efficiency::default();
        assert_eq!(statuses(["0", "0", "1"], &clean), [Pass; 3]);
    }

    #[test]
    fn sizes_are_read() {
        for (text, size) in
            [("4096", 4096), ("20MB", 20_000_000), ("20 mb", 20_000_000), ("1.5GiB", 1_610_612_736), ("1k", 1000)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "1XB", "-1", "1.2.3", "inf"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_of_thresholds_are_read_whole_or_refused() {
        let file = "rules:\n  lowestEfficiency: 0.95\n  HIGHESTWASTEDBYTES: 20MB\n  highest-user-wasted-percent: \"disabled\"\n";
        let of = |text| read(text).map_err(|error| error.to_string());
        assert_eq!(
            of(file).unwrap(),
            [
                ("lowestEfficiency", "0.95".to_owned()),
                ("highestWastedBytes", "20MB".into()),
                ("highestUserWastedPercent", "disabled".into())
            ]
        );
        assert_eq!(of("").unwrap(), []);
        assert!(of("rules: {lowestEffciency: 1}").unwrap_err().contains("lowestEffciency"));
        assert!(of("rules: {lowestEfficiency: }").unwrap_err().contains("no threshold"));
        assert!(of("rules: [").is_err());
    }
}
