//! Tables as OPA draws them: box-drawing lines, headers in the middle, cells to the left.

use unicode_width::UnicodeWidthStr as _;

/// Draws a table; without a header the rows alone.
pub fn draw(header: &[&str], rows: &[Vec<String>]) -> String {
    aligned(header, rows, false)
}

/// Rows of names and figures, the figures to the right.
pub fn draw_figures(rows: &[Vec<String>]) -> String {
    aligned(&[], rows, true)
}

/// Like [`draw`], where a cell with several lines takes several rows.
pub fn draw_lines(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut split: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let height = row.iter().map(|cell| cell.split('\n').count()).max().unwrap_or(1);
        for at in 0..height {
            split.push(row.iter().map(|cell| cell.split('\n').nth(at).unwrap_or_default().to_owned()).collect());
        }
    }
    aligned(header, &split, false)
}

fn aligned(header: &[&str], rows: &[Vec<String>], figures: bool) -> String {
    let columns = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    let cell = |row: &[String], column: usize| row.get(column).map_or(String::new(), |text| text.replace('\n', " "));
    let width = |column: usize| {
        let head = header.get(column).map_or(0, |text| text.width());
        rows.iter().map(|row| cell(row, column).width()).chain([head]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let mut text = rule("┌", "┬", "┐");
    if !header.is_empty() {
        text.push('│');
        for (column, width) in widths.iter().enumerate() {
            let head = header.get(column).copied().unwrap_or_default();
            let free = width - head.width();
            text.push_str(&format!(" {}{head}{} │", " ".repeat(free / 2), " ".repeat(free - free / 2)));
        }
        text.push('\n');
        text.push_str(&rule("├", "┼", "┤"));
    }
    for row in rows {
        text.push('│');
        for (column, width) in widths.iter().enumerate() {
            let cell = cell(row, column);
            let free = " ".repeat(width - cell.width());
            match figures && column > 0 {
                true => text.push_str(&format!(" {free}{cell} │")),
                false => text.push_str(&format!(" {cell}{free} │")),
            }
        }
        text.push('\n');
    }
    text.push_str(&rule("└", "┴", "┘"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_in_the_middle_and_cells_to_the_left() {
        let rows = vec![vec!["\"bad 1\"".to_owned(), "1".to_owned()]];
        assert_eq!(
            draw(&["x", "y"], &rows),
            "┌─────────┬───┐\n│    x    │ y │\n├─────────┼───┤\n│ \"bad 1\" │ 1 │\n└─────────┴───┘\n"
        );
    }
}
