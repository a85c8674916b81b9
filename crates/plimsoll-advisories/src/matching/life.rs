//! Until when releases of distributions are maintained. In: a distribution. Out: its last day, where we know one. From
//! the distributions' own pages: the free, general support (Debian: with LTS; Ubuntu: without ESM but where it is on).
//!
//! How to add a release: one line in [`LIVES`].

use jiff::civil::{Date, date};
use plimsoll_model::{Distro, Family};

use super::families::{major, minor};

/// Family name, and the last day of each release.
const LIVES: &[(&str, &[(&str, Date)])] = &[
    ("alma", &[("8", date(2029, 3, 1)), ("9", date(2032, 5, 31)), ("10", date(2035, 5, 31))]),
    (
        "alpine",
        &[
            ("2.1", date(2012, 11, 1)),
            ("2.2", date(2013, 5, 1)),
            ("2.3", date(2013, 11, 1)),
            ("2.4", date(2014, 5, 1)),
            ("2.5", date(2014, 11, 1)),
            ("2.6", date(2015, 5, 1)),
            ("2.7", date(2015, 11, 1)),
            ("3.0", date(2016, 5, 1)),
            ("3.1", date(2016, 11, 1)),
            ("3.2", date(2017, 5, 1)),
            ("3.3", date(2017, 11, 1)),
            ("3.4", date(2018, 5, 1)),
            ("3.5", date(2018, 11, 1)),
            ("3.6", date(2019, 5, 1)),
            ("3.7", date(2019, 11, 1)),
            ("3.8", date(2020, 5, 1)),
            ("3.9", date(2020, 11, 1)),
            ("3.10", date(2021, 5, 1)),
            ("3.11", date(2021, 11, 1)),
            ("3.12", date(2022, 5, 1)),
            ("3.13", date(2022, 11, 1)),
            ("3.14", date(2023, 5, 1)),
            ("3.15", date(2023, 11, 1)),
            ("3.16", date(2024, 5, 23)),
            ("3.17", date(2024, 11, 22)),
            ("3.18", date(2025, 5, 9)),
            ("3.19", date(2025, 11, 1)),
            ("3.20", date(2026, 4, 1)),
            ("3.21", date(2026, 11, 1)),
            ("3.22", date(2027, 5, 1)),
            ("3.23", date(2027, 11, 1)),
        ],
    ),
    ("amazon", &[("1", date(2023, 12, 31)), ("2", date(2026, 6, 30)), ("2023", date(2029, 6, 30))]),
    ("azurelinux", &[("3.0", date(2027, 8, 1))]),
    ("cbl-mariner", &[("1.0", date(2023, 7, 31)), ("2.0", date(2025, 7, 31))]),
    (
        "centos",
        &[
            ("4", date(2012, 2, 29)),
            ("5", date(2017, 3, 31)),
            ("6", date(2020, 11, 30)),
            ("7", date(2024, 6, 30)),
            ("8", date(2021, 12, 31)),
        ],
    ),
    (
        "debian",
        &[
            ("4", date(2010, 2, 15)),
            ("5", date(2012, 2, 6)),
            ("6", date(2016, 2, 29)),
            ("7", date(2018, 5, 31)),
            ("8", date(2020, 6, 30)),
            ("9", date(2022, 6, 30)),
            ("10", date(2024, 6, 30)),
            ("11", date(2026, 8, 31)),
            ("12", date(2028, 6, 30)),
            ("13", date(2030, 6, 30)),
        ],
    ),
    (
        "opensuse-leap",
        &[
            ("42.1", date(2017, 5, 17)),
            ("42.2", date(2018, 1, 26)),
            ("42.3", date(2019, 6, 30)),
            ("15.0", date(2019, 12, 3)),
            ("15.1", date(2020, 11, 30)),
            ("15.2", date(2021, 11, 30)),
            ("15.3", date(2022, 11, 30)),
            ("15.4", date(2023, 12, 7)),
            ("15.5", date(2024, 12, 31)),
            ("15.6", date(2026, 4, 30)),
            ("16.0", date(2027, 10, 31)),
        ],
    ),
    (
        "oracle",
        &[
            ("5", date(2017, 6, 30)),
            ("6", date(2021, 3, 1)),
            ("7", date(2024, 12, 31)),
            ("8", date(2029, 7, 31)),
            ("9", date(2032, 6, 30)),
            ("10", date(2035, 6, 30)),
        ],
    ),
    (
        "photon",
        &[
            ("1.0", date(2022, 2, 28)),
            ("2.0", date(2022, 12, 31)),
            ("3.0", date(2024, 6, 30)),
            ("4.0", date(2026, 3, 31)),
        ],
    ),
    (
        "redhat",
        &[
            ("4", date(2012, 2, 29)),
            ("5", date(2017, 3, 31)),
            ("6", date(2020, 11, 30)),
            ("7", date(2024, 6, 30)),
            ("8", date(2029, 5, 31)),
            ("9", date(2032, 5, 31)),
            ("10", date(2035, 5, 31)),
        ],
    ),
    ("rocky", &[("8", date(2029, 5, 31)), ("9", date(2032, 5, 31)), ("10", date(2035, 5, 31))]),
    (
        "slem",
        &[
            ("5.0", date(2022, 3, 31)),
            ("5.1", date(2025, 10, 31)),
            ("5.2", date(2026, 4, 30)),
            ("5.3", date(2026, 10, 30)),
            ("5.4", date(2027, 4, 30)),
            ("5.5", date(2027, 10, 31)),
            ("6.0", date(2028, 6, 30)),
        ],
    ),
    (
        "suse linux enterprise server",
        &[
            ("11", date(2010, 12, 31)),
            ("11.1", date(2012, 8, 31)),
            ("11.2", date(2014, 1, 31)),
            ("11.3", date(2016, 1, 31)),
            ("11.4", date(2019, 3, 31)),
            ("12", date(2016, 6, 30)),
            ("12.1", date(2017, 5, 31)),
            ("12.2", date(2018, 3, 31)),
            ("12.3", date(2019, 6, 30)),
            ("12.4", date(2020, 6, 30)),
            ("12.5", date(2024, 10, 31)),
            ("15", date(2019, 12, 31)),
            ("15.1", date(2021, 1, 31)),
            ("15.2", date(2021, 12, 31)),
            ("15.3", date(2022, 12, 31)),
            ("15.4", date(2023, 12, 31)),
            ("15.5", date(2024, 12, 31)),
            ("15.6", date(2025, 12, 31)),
            ("15.7", date(2031, 7, 31)),
        ],
    ),
    (
        "ubuntu",
        &[
            ("12.04", date(2017, 4, 28)),
            ("14.04", date(2019, 4, 25)),
            ("14.04-ESM", date(2024, 4, 25)),
            ("14.10", date(2015, 7, 23)),
            ("15.04", date(2016, 2, 4)),
            ("15.10", date(2016, 7, 28)),
            ("16.04", date(2021, 4, 30)),
            ("16.04-ESM", date(2026, 4, 30)),
            ("16.10", date(2017, 7, 20)),
            ("17.04", date(2018, 1, 13)),
            ("17.10", date(2018, 7, 19)),
            ("18.04", date(2023, 5, 31)),
            ("18.04-ESM", date(2028, 4, 30)),
            ("18.10", date(2019, 7, 18)),
            ("19.04", date(2020, 1, 23)),
            ("19.10", date(2020, 7, 17)),
            ("20.04", date(2025, 5, 31)),
            ("20.04-ESM", date(2030, 4, 30)),
            ("20.10", date(2021, 7, 22)),
            ("21.04", date(2022, 1, 20)),
            ("21.10", date(2022, 7, 14)),
            ("22.04", date(2027, 4, 30)),
            ("22.04-ESM", date(2032, 4, 30)),
            ("22.10", date(2023, 7, 20)),
            ("23.04", date(2024, 1, 25)),
            ("23.10", date(2024, 7, 11)),
            ("24.04", date(2029, 5, 31)),
            ("24.04-ESM", date(2034, 4, 30)),
            ("24.10", date(2025, 7, 10)),
            ("25.04", date(2026, 1, 15)),
            ("25.10", date(2026, 7, 9)),
            ("26.04", date(2031, 5, 31)),
        ],
    ),
];

/// The last day on which the release gets advisories and fixes; `None` when we know of none, also for rolling ones.
pub fn maintained_until(distro: &Distro) -> Option<Date> {
    let (_, releases) = LIVES.iter().find(|(family, _)| *family == distro.family.name())?;
    let version = distro.version.as_str();
    let extended = distro.advisory_release.as_deref().unwrap_or(version);
    let first_word = version.split_whitespace().next().unwrap_or_default();
    let wanted = match distro.family {
        Family::Amazon => super::families::amazon(first_word).to_owned(),
        Family::Ubuntu => extended.to_owned(),
        Family::Alpine => minor(extended),
        Family::OpenSuseLeap | Family::SuseEnterprise | Family::SuseMicro => version.to_owned(),
        Family::Photon | Family::CblMariner | Family::AzureLinux => minor(version),
        _ => major(version),
    };
    releases.iter().find(|(release, _)| *release == wanted).map(|(_, until)| *until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(family: Family, version: &str) -> Option<String> {
        let distro = Distro {
            family,
            version: version.to_owned(),
            pretty_name: None,
            advisory_release: None,
            content_sets: Vec::new(),
        };
        maintained_until(&distro).map(|date| date.to_string())
    }

    #[test]
    fn releases_end_on_their_day() {
        assert_eq!(until(Family::Alpine, "3.9.4").as_deref(), Some("2020-11-01"));
        assert_eq!(until(Family::Debian, "12.5").as_deref(), Some("2028-06-30"));
        assert_eq!(until(Family::Amazon, "2 (Karoo)").as_deref(), Some("2026-06-30"));
        assert_eq!(until(Family::Amazon, "2018.03").as_deref(), Some("2023-12-31"));
        assert_eq!(until(Family::SuseEnterprise, "15.5").as_deref(), Some("2024-12-31"));
        assert_eq!(until(Family::Wolfi, "20230201"), None);
        assert_eq!(until(Family::Debian, "sid"), None);
    }

    #[test]
    fn families_are_spelled_as_the_model_spells_them() {
        for (name, _) in LIVES {
            assert!(!matches!(Family::from(*name), Family::Other(_)), "{name}");
        }
    }
}
