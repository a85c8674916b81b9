//! FIRST's exploit prediction scores (<https://www.first.org/epss/data_stats>). In: the CSV with its comment line. Out: a
//! score for each CVE.

use plimsoll_model::Epss;

use super::{Feed, Records};

pub const FEED: Feed = Feed {
    id: "epss",
    title: "EPSS scores, CSV",
    url: "https://epss.empiricalsecurity.com",
    wants: |_, head| head.starts_with(b"#model_version") || head.starts_with(b"cve,epss"),
    read,
};

/// Lines that cannot be read are listed up to here; a file of another kind must not give a million problems.
const MAX_PROBLEMS: usize = 20;

/// Reads the scores: `#model_version:…,score_date:2026-11-20T12:00:00Z`, `cve,epss,percentile`, then rows.
pub fn read(name: &str, bytes: &[u8]) -> Records {
    let Ok(text) = std::str::from_utf8(bytes) else { return Records::only_bad(name, "it is not UTF-8 text") };
    let mut out = Records::default();
    let mut bad = 0usize;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if let Some(comment) = line.strip_prefix('#') {
            let day = comment.split("score_date:").nth(1).and_then(|rest| rest.get(..10));
            out.dated = day.and_then(|day| format!("{day}T00:00:00Z").parse().ok());
            continue;
        }
        if line.is_empty() || line.starts_with("cve,") {
            continue;
        }
        let Some(row) = row(line) else {
            bad += 1;
            if bad <= MAX_PROBLEMS {
                out.bad(&format!("{name}:{number}"), "it is no row of cve,epss,percentile");
            }
            continue;
        };
        out.epss.push(row);
    }
    if bad > MAX_PROBLEMS {
        out.bad(name, format!("{} more rows cannot be read", bad - MAX_PROBLEMS));
    }
    out
}

fn row(line: &str) -> Option<(String, Epss)> {
    let mut fields = line.split(',');
    let id = fields.next().filter(|id| id.starts_with("CVE-"))?;
    let mut part = || fields.next()?.trim().parse::<f64>().ok().filter(|n| (0.0..=1.0).contains(n));
    let (score, percentile) = (part()?, part()?);
    Some((id.to_owned(), Epss { score, percentile }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_bad_ones_are_problems() {
        let text = "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\ncve,epss,percentile\nCVE-2021-44228,0.94,0.999\nCVE-1,NaN,0.5\nnonsense\n";
        assert!((FEED.wants)("epss_scores-current.csv", text.as_bytes()));
        let records = read("epss.csv", text.as_bytes());
        assert_eq!(records.epss, [("CVE-2021-44228".to_owned(), Epss { score: 0.94, percentile: 0.999 })]);
        assert_eq!(records.dated.unwrap().to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(records.problems.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|\n|,|#|score_date:){0,60}") {
            let _ = read("x", text.as_bytes());
        }
    }
}
