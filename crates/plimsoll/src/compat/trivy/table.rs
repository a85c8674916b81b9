//! Trivy's table. In: groups of rows. Out: the text that Trivy prints, without colour: a summary, then a box per result.

use plimsoll_model::Severity;

use super::json::primary_url;
use super::rows::{ResultGroup, Row};

const HEADERS: [&str; 7] =
    ["Library", "Vulnerability", "Severity", "Status", "Installed Version", "Fixed Version", "Title"];
/// Words of a title before it is cut.
const TITLE_WORDS: usize = 12;
/// Characters of a title line.
const TITLE_WIDTH: usize = 60;

/// The whole text; `scanned` is false when nobody asked for vulnerabilities.
pub fn text(groups: &[ResultGroup], severities: &[Severity], scanned: bool) -> String {
    let mut out = summary(groups, scanned);
    for group in groups {
        if group.rows.is_empty() {
            continue;
        }
        let title = if group.kind.is_empty() || group.class == "os-pkgs" {
            clean(&group.target)
        } else {
            format!("{} ({})", clean(&group.target), group.kind)
        };
        let count = |severity: Severity| group.rows.iter().filter(|row| row.matched.severity == severity).count();
        let counts: Vec<String> = Severity::ALL
            .iter()
            .filter(|severity| severities.contains(severity))
            .map(|&severity| format!("{}: {}", severity.upper(), count(severity)))
            .collect();
        out += &format!("\n{title}\n{}\n", "=".repeat(width(&title)));
        out += &format!("Total: {} ({})\n\n", group.rows.len(), counts.join(", "));
        let rows: Vec<[Vec<String>; 7]> = group.rows.iter().map(|row| cells(row, group)).collect();
        out += &boxed(&rows);
    }
    out
}

fn summary(groups: &[ResultGroup], scanned: bool) -> String {
    let mut out = String::from("\nReport Summary\n\n");
    let headers = ["Target", "Type", "Vulnerabilities"].map(str::to_owned);
    let count = |g: &ResultGroup| if scanned { g.rows.len().to_string() } else { "-".to_owned() };
    let mut rows: Vec<[String; 3]> = groups.iter().map(|g| [clean(&g.target), g.kind.clone(), count(g)]).collect();
    if rows.is_empty() {
        rows.push(["-".into(), "-".into(), "-".into()]);
    }
    let widths: [usize; 3] =
        std::array::from_fn(|i| rows.iter().map(|r| width(&r[i])).chain([width(&headers[i])]).max().unwrap_or(0));
    let rule = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let line = |row: &[String; 3]| {
        let parts: Vec<String> = (0..3).map(|i| format!(" {} ", centred(&row[i], widths[i], i > 0))).collect();
        format!("│{}│\n", parts.join("│"))
    };
    out += &rule("┌", "┬", "┐");
    out += &line(&headers.map(|h| h));
    for row in &rows {
        out += &rule("├", "┼", "┤");
        out += &line(row);
    }
    out += &rule("└", "┴", "┘");
    out += "Legend:\n- '-': Not scanned\n- '0': Clean (no security findings detected)\n\n";
    out
}

fn cells(row: &Row, group: &ResultGroup) -> [Vec<String>; 7] {
    let path = group.shown_path(row.package);
    let library = match path.rsplit('/').next().filter(|name| !name.is_empty()) {
        Some(name) => format!("{} ({})", row.package.name, name),
        None => row.package.name.clone(),
    };
    let words: Vec<&str> = row.matched.vulnerability.title.split_whitespace().collect();
    let mut title =
        if words.len() >= TITLE_WORDS { format!("{}...", words[..TITLE_WORDS].join(" ")) } else { words.join(" ") };
    title = clean(&title);
    let mut lines = wrapped(&title, TITLE_WIDTH);
    let url = primary_url(row.matched);
    if !url.is_empty() {
        lines.push(clean(&url));
    }
    let one = |text: &str| vec![clean(text)];
    [
        one(&library),
        one(&row.matched.id),
        one(row.matched.severity.upper()),
        one(row.status()),
        one(&row.package.version),
        wrapped(&clean(&row.fixed_version()), 40),
        lines,
    ]
}

/// A box with a line between rows; a cell that repeats the one above it is left empty and joined, for the columns that
/// Trivy merges.
fn boxed(rows: &[[Vec<String>; 7]]) -> String {
    let widths: [usize; 7] = std::array::from_fn(|i| {
        rows.iter().flat_map(|row| row[i].iter()).map(|l| width(l)).chain([HEADERS[i].len()]).max().unwrap_or(0)
    });
    let mut out = String::new();
    let edge = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    out += &edge("┌", "┬", "┐");
    let headers: Vec<String> = (0..7).map(|i| format!(" {} ", centred(HEADERS[i], widths[i], true))).collect();
    out += &format!("│{}│\n", headers.join("│"));
    let mut previous: Option<&[Vec<String>; 7]> = None;
    for row in rows {
        // A column merges with the row above when its text is the same; the title and the id never do.
        let merged: [bool; 7] =
            std::array::from_fn(|i| i != 1 && i != 6 && previous.is_some_and(|p| p[0] == row[0] && p[i] == row[i]));
        out += &separator(&widths, &merged, previous.is_none());
        let height = row.iter().map(Vec::len).max().unwrap_or(1);
        for n in 0..height {
            let parts: Vec<String> = (0..7)
                .map(|i| {
                    let text = if merged[i] { "" } else { row[i].get(n).map_or("", String::as_str) };
                    format!(" {} ", padded(text, widths[i]))
                })
                .collect();
            out += &format!("│{}│\n", parts.join("│"));
        }
        previous = Some(row);
    }
    out += &edge("└", "┴", "┘");
    out
}

fn separator(widths: &[usize; 7], merged: &[bool; 7], first: bool) -> String {
    let open = |i: usize| !first && merged[i];
    let mut line = String::from(if open(0) { "│" } else { "├" });
    for (i, width) in widths.iter().enumerate() {
        line += &(if open(i) { " " } else { "─" }).repeat(width + 2);
        if i < 6 {
            line += match (open(i), open(i + 1)) {
                (false, false) => "┼",
                (true, true) => "│",
                (true, false) => "├",
                (false, true) => "┤",
            };
        }
    }
    line += if open(6) { "│\n" } else { "┤\n" };
    line
}

fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

fn centred(text: &str, to: usize, centre: bool) -> String {
    let space = to.saturating_sub(width(text));
    let left = if centre { space / 2 } else { 0 };
    format!("{}{text}{}", " ".repeat(left), " ".repeat(space - left))
}

fn wrapped(text: &str, to: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= to => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Names and titles come from the image and the feeds: a control character among them could rewrite the terminal.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || bidi { '\u{fffd}' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}"), "a\u{fffd}[2Jb\u{fffd}");
    }

    #[test]
    fn boxes_merge_equal_cells() {
        let row = |id: &str| {
            [
                vec!["openssl".to_owned()],
                vec![id.to_owned()],
                vec!["HIGH".to_owned()],
                vec!["fixed".to_owned()],
                vec!["1".to_owned()],
                vec!["2".to_owned()],
                vec!["title".to_owned()],
            ]
        };
        let text = boxed(&[row("CVE-1"), row("CVE-2")]);
        assert_eq!(text.matches("openssl").count(), 1);
        assert_eq!(text.matches("CVE-").count(), 2);
        let widths: Vec<usize> = text.lines().map(width).collect();
        assert!(widths.windows(2).all(|w| w[0] == w[1]), "{text}");
    }
}
