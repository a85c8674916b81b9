//! CVSS vectors to ratings. In: a vector of version 2, 3.0, 3.1 or 4.0. Out: its base score. A vector that cannot be
//! scored keeps its text and has no score.

use std::str::FromStr;

use plimsoll_model::{Cvss, Severity};

/// A rating of `vector` by `source`; `None` when the text is no vector of a version that we know.
pub(crate) fn rating(source: &str, vector: &str) -> Option<Cvss> {
    let score = cvss::Cvss::from_str(vector).ok().map(|v| v.score());
    let mut rating = Cvss { source: source.to_owned(), ..Cvss::default() };
    let text = Some(vector.to_owned());
    if vector.starts_with("CVSS:4") {
        (rating.v40_vector, rating.v40_score) = (text, score);
    } else if vector.starts_with("CVSS:3") {
        (rating.v3_vector, rating.v3_score) = (text, score);
    } else if vector.starts_with("AV:") {
        // Version 2 has no prefix of its own.
        let score = cvss::v2::Vector::from_str(vector).ok().map(|v| v.score().value());
        (rating.v2_vector, rating.v2_score) = (text, score);
    } else {
        return None;
    }
    Some(rating)
}

/// The level of the newest version that has a score.
pub(crate) fn severity(rating: &Cvss) -> Option<Severity> {
    rating.v40_score.or(rating.v3_score).or(rating.v2_score).map(Severity::from_cvss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_each_version_are_scored() {
        let v3 = rating("ghsa", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H").unwrap();
        assert_eq!(v3.v3_score, Some(10.0));
        assert_eq!(severity(&v3), Some(Severity::Critical));
        assert_eq!(rating("nvd", "AV:N/AC:L/Au:N/C:P/I:N/A:N").unwrap().v2_score, Some(5.0));
        let v4 = rating("ghsa", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N").unwrap();
        assert_eq!(v4.v40_score, Some(9.3));
        assert!(rating("x", "nonsense").is_none());
        assert_eq!(rating("x", "CVSS:3.1/nonsense").unwrap().v3_score, None);
    }
}
