//! CISA's catalogue of known exploited vulnerabilities (<https://www.cisa.gov/known-exploited-vulnerabilities-catalog>). In:
//! its JSON. Out: an entry for each CVE.

use jiff::civil::Date;
use plimsoll_model::KnownExploited;
use serde::Deserialize;

use super::{Feed, Records};

pub const FEED: Feed = Feed {
    id: "kev",
    title: "CISA's known exploited vulnerabilities, JSON",
    url: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
    wants: |name, head| {
        let says = |word: &str| head.windows(word.len()).any(|window| window == word.as_bytes());
        name.ends_with(".json") && says("\"catalogVersion\"") && says("\"vulnerabilities\"")
    },
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    date_released: Option<String>,
    vulnerabilities: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "cveID")]
    id: String,
    #[serde(rename = "dateAdded")]
    added: Option<String>,
    #[serde(rename = "dueDate")]
    due: Option<String>,
    #[serde(rename = "knownRansomwareCampaignUse", default)]
    ransomware: String,
}

/// Reads the catalogue.
pub fn read(name: &str, bytes: &[u8]) -> Records {
    let catalogue: Catalogue = match serde_json::from_slice(bytes) {
        Ok(catalogue) => catalogue,
        Err(error) => return Records::only_bad(name, error),
    };
    let mut out = Records { dated: catalogue.date_released.and_then(|text| text.parse().ok()), ..Records::default() };
    let date = |text: Option<String>| text.and_then(|text| text.parse::<Date>().ok());
    for value in catalogue.vulnerabilities {
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) => out.known_exploited.push((
                entry.id.trim().to_owned(),
                KnownExploited {
                    added: date(entry.added),
                    due: date(entry.due),
                    ransomware: entry.ransomware.eq_ignore_ascii_case("known"),
                },
            )),
            Err(error) => out.bad(name, error),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_a_bad_one_is_a_problem() {
        let text = r#"{"catalogVersion": "2025.08.25", "dateReleased": "2025-08-25T17:04:19.9796Z", "vulnerabilities": [
            {"cveID": "CVE-2021-44228", "dateAdded": "2021-12-10", "dueDate": "2021-12-24", "knownRansomwareCampaignUse": "Known"},
            {"cveID": 7}]}"#;
        assert!((FEED.wants)("kev.json", text.as_bytes()));
        let records = read("kev.json", text.as_bytes());
        let [(id, known)] = &records.known_exploited[..] else { panic!() };
        assert_eq!(
            (id.as_str(), known.added, known.ransomware),
            ("CVE-2021-44228", Some(jiff::civil::date(2021, 12, 10)), true)
        );
        assert_eq!(records.problems.len(), 1);
        assert!(records.dated.is_some());
    }
}
