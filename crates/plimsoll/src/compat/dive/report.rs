//! What a CI log shows and what `--json` writes. In: what was measured and the rules' outcomes. Out: text. The shapes are
//! dive's; who made the waste is our addition.

use plimsoll_checks::image::short_instruction;
use plimsoll_checks::secrets::redact;
use plimsoll_inventory::{Blame, Efficiency, ListedEntry, ListedKind};
use plimsoll_report::safe;
use serde::Serialize;

use super::rules::{Outcome, Status, user_wasted};

/// Paths of the table: more than anybody reads; the rest is summed up.
const MAX_ROWS: usize = 200;
/// Pairs of instructions, the most bytes first.
const MAX_BLAME: usize = 10;

/// The three figures.
pub fn figures(measured: &Efficiency) -> String {
    let wasted = measured.repeated_bytes();
    format!(
        "  efficiency: {:.4} %\n  wastedBytes: {wasted} bytes ({})\n  userWastedPercent: {:.4} %\n",
        measured.score() * 100.0,
        size(wasted),
        user_wasted(measured) * 100.0
    )
}

/// The table of paths and who made them.
pub fn files(measured: &Efficiency) -> String {
    let row = |count: &str, size: &str, path: &str| format!("{count:>5}  {size:>12}  {path}\n");
    let mut text = "Inefficient Files:\n".to_owned() + &row("Count", "Wasted Space", "File Path");
    for repeated in measured.repeated.iter().take(MAX_ROWS) {
        text += &row(&repeated.count.to_string(), &size(repeated.size), &safe(&format!("/{}", repeated.path)));
    }
    if measured.repeated.is_empty() {
        text += "None\n";
    }
    let rest = measured.repeated.get(MAX_ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let bytes = rest.iter().fold(0u64, |sum, repeated| sum.saturating_add(repeated.size));
        text += &row("", &size(bytes), &format!("in {} more paths", rest.len()));
    }
    if !measured.blame.is_empty() {
        text += "Hidden bytes by instruction:\n";
    }
    for blame in measured.blame.iter().take(MAX_BLAME) {
        text += &blamed(measured, blame);
    }
    text
}

fn blamed(measured: &Efficiency, blame: &Blame) -> String {
    let instruction = |at: usize| {
        let made =
            measured.layers.get(at).and_then(|measured| measured.layer.created_by.as_deref()).unwrap_or_default();
        match short_instruction(made) {
            short if short.is_empty() => format!("layer {at}"),
            short => format!("`{}` (layer {at})", safe(&short)),
        }
    };
    let how = if blame.removed { "removed" } else { "written again" };
    let (made, hid) = (instruction(blame.layer), instruction(blame.hidden_by));
    format!("{:>19}  {made}, {how} by {hid}\n", size(blame.bytes))
}

/// A line for each rule and the sum of them. `unread`: a layer is missing in what was measured, so that nothing passes.
pub fn results(outcomes: &[Outcome], unread: bool) -> String {
    let mut text = "Results:\n".to_owned();
    for Outcome { name, status, message } in outcomes {
        let label = match status {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Skip => "SKIP",
            Status::Misconfigured => "MISCONFIGURED",
        };
        let message = if message.is_empty() { String::new() } else { format!(": {}", safe(message)) };
        text += &format!("  {label}: {name}{message}\n");
    }
    let count = |status: Status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    if count(Status::Misconfigured) > 0 {
        return text + "CI Misconfigured\n";
    }
    let (passed, failed, skipped) = (count(Status::Pass), count(Status::Fail), count(Status::Skip));
    let result = match failed {
        0 if unread => "UNDECIDED",
        0 => "PASS",
        _ => "FAIL",
    };
    let total = outcomes.len();
    text + &format!(
        "Result:{result} [Total:{total}] [Passed:{passed}] [Failed:{failed}] [Warn:0] [Skipped:{skipped}]\n"
    )
}

/// Bytes in decimal units, two digits at most: `32 kB`, `1.2 MB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let rounded = (value * 10.0).round() / 10.0;
    if unit == 0 || rounded >= 10.0 {
        format!("{rounded:.0} {}", UNITS[unit])
    } else {
        format!("{rounded:.1} {}", UNITS[unit])
    }
}

/// The export: every layer with its files, and the paths that are there several times.
#[derive(Debug, Serialize)]
pub struct Export {
    layer: Vec<Layer>,
    image: Image,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    index: usize,
    id: String,
    digest_id: String,
    size_bytes: u64,
    command: String,
    file_list: Vec<File>,
}

/// One entry of a layer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    path: String,
    /// The tar's own letter as a number; none for devices and pipes.
    #[serde(skip_serializing_if = "Option::is_none")]
    type_flag: Option<u8>,
    link_name: String,
    size: u64,
    /// Go's `os.FileMode`.
    file_mode: u32,
    is_dir: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    size_bytes: u64,
    inefficient_bytes: u64,
    efficiency_score: f64,
    file_reference: Vec<Reference>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    count: usize,
    size_bytes: u64,
    file: String,
}

impl File {
    pub fn of(entry: ListedEntry<'_>) -> File {
        let (type_flag, link, kind_bits) = match entry.kind {
            ListedKind::File => (Some(b'0'), "", 0),
            ListedKind::HardLink(target) => (Some(b'1'), target, 0),
            ListedKind::Link(target) => (Some(b'2'), target, 1 << 27),
            ListedKind::Folder => (Some(b'5'), "", 1 << 31),
            ListedKind::Special => (None, "", 1 << 26),
        };
        // Go keeps these bits elsewhere than Unix does.
        let moved = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
        let special = moved.iter().filter(|(bit, _)| entry.mode & bit != 0).fold(0u32, |bits, (_, to)| bits | to);
        File {
            path: entry.path.to_owned(),
            type_flag,
            link_name: link.to_owned(),
            size: entry.size,
            file_mode: entry.mode & 0o777 | special | kind_bits,
            is_dir: entry.kind == ListedKind::Folder,
        }
    }
}

/// `files` by layer.
pub fn export(measured: &Efficiency, files: Vec<Vec<File>>) -> Export {
    let mut files = files.into_iter();
    let layer = |(index, measured): (usize, &plimsoll_inventory::MeasuredLayer)| {
        let layer = &measured.layer;
        let hex =
            |digest: &plimsoll_model::Digest| digest.to_string().rsplit(':').next().unwrap_or_default().to_owned();
        let made = layer.created_by.as_deref().unwrap_or("(missing)");
        Layer {
            index,
            id: layer.digest.as_ref().or(layer.diff_id.as_ref()).map(hex).unwrap_or_default(),
            digest_id: layer.diff_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            size_bytes: measured.file_bytes,
            command: redact(made.strip_prefix("/bin/sh -c ").unwrap_or(made)).into_owned(),
            file_list: files.next().unwrap_or_default(),
        }
    };
    let reference = |repeated: &plimsoll_inventory::RepeatedPath| Reference {
        count: repeated.count,
        size_bytes: repeated.size,
        file: format!("/{}", repeated.path),
    };
    Export {
        layer: measured.layers.iter().enumerate().map(layer).collect(),
        image: Image {
            size_bytes: measured.total,
            inefficient_bytes: measured.repeated_bytes(),
            efficiency_score: measured.score(),
            file_reference: measured.repeated.iter().map(reference).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (32_025, "32 kB"),
            (1_250_000, "1.3 MB"),
            (9_990_000, "10 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn modes_are_those_of_go() {
        let entry = |mode, kind| File::of(ListedEntry { path: "x", mode, size: 0, kind }).file_mode;
        assert_eq!(entry(0o755, ListedKind::Folder), 0x8000_01ed);
        assert_eq!(entry(0o4755, ListedKind::File), 0x0080_01ed);
        assert_eq!(entry(0o1777, ListedKind::Folder), 0x8010_01ff);
        assert_eq!(entry(0o777, ListedKind::Link("y")), 0x0800_01ff);
    }
}
