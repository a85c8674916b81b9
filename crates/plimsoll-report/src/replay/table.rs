//! A replay as a table. In: what it found, and the columns there are. Out: text: the sum first, then each change by workload
//! and rule.

use super::{Change, Changed, Replay};
use crate::options::{RenderOptions, ReportError};
use crate::text::paint::{Ink, Painter};
use crate::text::safe::safe;
use crate::text::size::plural;
use crate::text::wrap::{pad, truncate, width, wrap};

/// Rows of one change that are shown; `--format json` has all.
const MAX_ROWS: usize = 50;
/// Columns of a count with its heading.
const COUNT: usize = 7;

pub fn render(replay: &Replay, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut out = String::new();
    let painter = Painter { on: options.colour };
    let mut put = |line: &str| {
        out.push_str(line.trim_end());
        out.push('\n');
    };
    let title = format!(
        "{} judged by the policy {}, compared with {}",
        plural(replay.reviews, "review"),
        safe(&replay.against.name),
        safe(&replay.compared())
    );
    wrap(&title, options.width).iter().for_each(|line| put(&painter.paint(Ink::Strong, line)));
    if let (Some(first), Some(last)) = (&replay.first, &replay.last) {
        put(&painter.paint(Ink::Faint, &format!("from {} to {}", safe(first), safe(last))));
    }
    put("");
    for change in Change::ALL {
        let count = replay.count(change);
        let line = format!("  {}{:>9}", pad(change.words(), 32), count);
        put(&painter.paint(if count == 0 { Ink::Faint } else { ink(change) }, &line));
    }
    put(&format!("  {}{:>9}", pad("unchanged", 32), replay.unchanged));
    for change in Change::ALL {
        section(replay, change, options.width, painter, &mut put);
    }
    if !replay.notes.is_empty() {
        put("");
    }
    for note in &replay.notes {
        for (number, line) in wrap(&safe(note), options.width.saturating_sub(6)).iter().enumerate() {
            put(&format!("{}{line}", if number == 0 { "note: " } else { "      " }));
        }
    }
    Ok(out.into_bytes())
}

fn section(replay: &Replay, change: Change, columns: usize, painter: Painter, put: &mut impl FnMut(&str)) {
    let rows = replay.rows(change);
    if rows.is_empty() {
        return;
    }
    put("");
    put(&painter.paint(ink(change), &format!("{} ({})", change.words(), plural(replay.count(change), "review"))));
    let shown = rows.get(..MAX_ROWS.min(rows.len())).unwrap_or_default();
    let longest = |of: &dyn Fn(&Changed) -> String, heading: &str| {
        shown.iter().map(|row| width(&of(row))).chain([width(heading)]).max().unwrap_or(0)
    };
    let namespace = longest(&namespace_of, "NAMESPACE").min(columns / 5);
    let rest = columns.saturating_sub(2 + namespace + 2 + 2 + 2 + COUNT);
    let (workload, rule) = (longest(&workload_of, "WORKLOAD"), longest(&rule_of, "RULE"));
    // What one does not need the other may have.
    let workload =
        if workload + rule <= rest { workload } else { workload.min((rest / 2).max(rest.saturating_sub(rule))) };
    let rule = rule.min(rest.saturating_sub(workload));
    let line = |cells: [&str; 4]| {
        let [a, b, c, d] = cells;
        let cell = |text: &str, columns: usize| pad(&truncate(text, columns), columns);
        format!("  {}  {}  {}  {d:>COUNT$}", cell(a, namespace), cell(b, workload), cell(c, rule))
    };
    put(&painter.paint(Ink::Faint, &line(["NAMESPACE", "WORKLOAD", "RULE", "REVIEWS"])));
    let mut before = String::new();
    for row in shown {
        let count = row.reviews.to_string();
        put(&line([&namespace_of(row), &workload_of(row), &rule_of(row), &count]));
        // The same words again and again hide those that differ.
        let said = said(row);
        if said != before {
            for text in wrap(&said, columns.saturating_sub(4)) {
                put(&painter.paint(Ink::Faint, &format!("    {text}")));
            }
        }
        before = said;
    }
    if rows.len() > shown.len() {
        put(&format!("  and {} more rows; --format json has all", rows.len() - shown.len()));
    }
}

fn said(row: &Changed) -> String {
    match row.images.first() {
        Some(image) if row.images.len() > 1 => format!("{} and others: {}", safe(image), safe(&row.message)),
        Some(image) => format!("{}: {}", safe(image), safe(&row.message)),
        None => safe(&row.message).into_owned(),
    }
}

fn namespace_of(row: &Changed) -> String {
    row.workload.namespace.as_deref().map_or_else(|| "-".to_owned(), |name| safe(name).into_owned())
}

fn workload_of(row: &Changed) -> String {
    safe(&row.workload.to_string()).into_owned()
}

fn rule_of(row: &Changed) -> String {
    safe(&row.rule).into_owned()
}

fn ink(change: Change) -> Ink {
    match change {
        Change::NewlyDenied => Ink::Bad,
        Change::NewlyUndecided | Change::NotJudged => Ink::Doubt,
        Change::NewlyWarned => Ink::Warn,
        Change::NewlyAllowed => Ink::Good,
        Change::NoLongerWarned | Change::RefusedOtherwise => Ink::Link,
    }
}
