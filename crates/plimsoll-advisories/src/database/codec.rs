//! Advisories to bytes and back, as the index keeps them. In: advisories, with their sources by number. Out: bytes that
//! are the same for the same advisories. Reading is bounds-checked: bytes that do not fit give `None`, never a panic.

use jiff::civil::Date;
use plimsoll_model::{DataSource, Epss, KnownExploited, Severity};

use crate::record::{Advisory, Applies, Event, Range, RangeKind, Status};

const STATUSES: [Status; 10] = [
    Status::Unknown,
    Status::NotAffected,
    Status::Affected,
    Status::Fixed,
    Status::UnderInvestigation,
    Status::WontFix,
    Status::Deferred,
    Status::EndOfLife,
    Status::Unimportant,
    Status::Undetermined,
];

/// LEB128: seven bits a byte, the lowest first.
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_list(out: &mut Vec<u8>, list: &[String]) {
    put_number(out, list.len() as u64);
    for item in list {
        put_bytes(out, item.as_bytes());
    }
}

/// A date as the number yyyymmdd; 0 for none.
fn put_date(out: &mut Vec<u8>, date: Option<Date>) {
    let number = date.map_or(0, |d| d.year() as u64 * 10_000 + d.month() as u64 * 100 + d.day() as u64);
    put_number(out, number);
}

/// One advisory; `source` is the number of its source in the index's list.
pub fn put_advisory(out: &mut Vec<u8>, advisory: &Advisory, source: usize) {
    put_bytes(out, advisory.id.as_bytes());
    put_list(out, &advisory.aliases);
    put_list(out, &advisory.vendor_ids);
    put_number(out, source as u64);
    match &advisory.applies {
        Applies::Below { fixed: None } => out.push(0),
        Applies::Below { fixed: Some(fixed) } => {
            out.push(1);
            put_bytes(out, fixed.as_bytes());
        }
        Applies::Osv { ranges, versions } => {
            out.push(2);
            put_number(out, ranges.len() as u64);
            for range in ranges {
                out.push(match range.kind {
                    RangeKind::Semver => 0,
                    RangeKind::Ecosystem => 1,
                });
                put_number(out, range.events.len() as u64);
                for event in &range.events {
                    let (tag, version) = match event {
                        Event::Introduced(v) => (0, v),
                        Event::Fixed(v) => (1, v),
                        Event::LastAffected(v) => (2, v),
                        Event::Limit(v) => (3, v),
                    };
                    out.push(tag);
                    put_bytes(out, version.as_bytes());
                }
            }
            put_list(out, versions);
        }
        Applies::Expressions { vulnerable, patched, unaffected } => {
            out.push(3);
            put_list(out, vulnerable);
            put_list(out, patched);
            put_list(out, unaffected);
        }
    }
    out.push(STATUSES.iter().position(|s| *s == advisory.status).unwrap_or(0) as u8);
    out.push(advisory.severity.map_or(0, |s| s.rank() + 1));
    put_list(out, &advisory.arches);
    put_list(out, advisory.module.as_slice());
    put_number(out, advisory.cpes.len() as u64);
    for cpe in &advisory.cpes {
        put_number(out, u64::from(*cpe));
    }
    put_date(out, advisory.fix_date);
    put_date(out, advisory.first_seen);
}

pub fn put_known_exploited(out: &mut Vec<u8>, known: &KnownExploited) {
    put_date(out, known.added);
    put_date(out, known.due);
    out.push(u8::from(known.ransomware));
}

pub fn put_epss(out: &mut Vec<u8>, epss: &Epss) {
    out.extend_from_slice(&epss.score.to_le_bytes());
    out.extend_from_slice(&epss.percentile.to_le_bytes());
}

/// Bytes being read from the front.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.bytes()?).ok()?.to_owned())
    }

    /// A count of items that take at least a byte each: never more than there are bytes, so nothing large is reserved
    /// on the word of a broken file.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn items<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn list(&mut self) -> Option<Vec<String>> {
        self.items(Self::text)
    }

    /// The outer `None` is a broken one.
    fn date(&mut self) -> Option<Option<Date>> {
        let number = self.number()?;
        if number == 0 {
            return Some(None);
        }
        let part = |n: u64| i8::try_from(n % 100).ok();
        let year = i16::try_from(number / 10_000).ok()?;
        Date::new(year, part(number / 100)?, part(number)?).ok().map(Some)
    }

    pub fn advisory(&mut self, sources: &[DataSource]) -> Option<Advisory> {
        let id = self.text()?;
        let aliases = self.list()?;
        let vendor_ids = self.list()?;
        let source = sources.get(usize::try_from(self.number()?).ok()?)?.clone();
        let applies = match self.byte()? {
            0 => Applies::Below { fixed: None },
            1 => Applies::Below { fixed: Some(self.text()?) },
            2 => Applies::Osv { ranges: self.items(Self::range)?, versions: self.list()? },
            3 => Applies::Expressions { vulnerable: self.list()?, patched: self.list()?, unaffected: self.list()? },
            _ => return None,
        };
        let status = *STATUSES.get(usize::from(self.byte()?))?;
        let severity = match self.byte()? {
            0 => None,
            rank => Some(*Severity::ALL.get(usize::from(rank) - 1)?),
        };
        let arches = self.list()?;
        let module = self.list()?.into_iter().next();
        let cpes = self.items(|reader| u32::try_from(reader.number()?).ok())?;
        let (fix_date, first_seen) = (self.date()?, self.date()?);
        Some(Advisory {
            id,
            aliases,
            vendor_ids,
            source,
            applies,
            status,
            severity,
            arches,
            module,
            cpes,
            fix_date,
            first_seen,
        })
    }

    fn range(&mut self) -> Option<Range> {
        let kind = match self.byte()? {
            0 => RangeKind::Semver,
            1 => RangeKind::Ecosystem,
            _ => return None,
        };
        let events = self.items(|reader| {
            let tag = reader.byte()?;
            let version = reader.text()?;
            Some(match tag {
                0 => Event::Introduced(version),
                1 => Event::Fixed(version),
                2 => Event::LastAffected(version),
                3 => Event::Limit(version),
                _ => return None,
            })
        })?;
        Some(Range { kind, events })
    }

    pub fn known_exploited(&mut self) -> Option<KnownExploited> {
        Some(KnownExploited { added: self.date()?, due: self.date()?, ransomware: self.byte()? != 0 })
    }

    pub fn epss(&mut self) -> Option<Epss> {
        let mut float = || Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?));
        Some(Epss { score: float()?, percentile: float()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "\\PC{0,12}"
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(text(), 0..4)
    }

    fn applies() -> impl Strategy<Value = Applies> {
        let event = (0..4u8, text()).prop_map(|(tag, v)| match tag {
            0 => Event::Introduced(v),
            1 => Event::Fixed(v),
            2 => Event::LastAffected(v),
            _ => Event::Limit(v),
        });
        let range = (any::<bool>(), proptest::collection::vec(event, 0..4)).prop_map(|(semver, events)| Range {
            kind: if semver { RangeKind::Semver } else { RangeKind::Ecosystem },
            events,
        });
        prop_oneof![
            proptest::option::of(text()).prop_map(|fixed| Applies::Below { fixed }),
            (proptest::collection::vec(range, 0..3), texts())
                .prop_map(|(ranges, versions)| Applies::Osv { ranges, versions }),
            (texts(), texts(), texts()).prop_map(|(vulnerable, patched, unaffected)| Applies::Expressions {
                vulnerable,
                patched,
                unaffected
            }),
        ]
    }

    fn date() -> impl Strategy<Value = Option<Date>> {
        proptest::option::of((1990..2040i16, 1..13i8, 1..29i8).prop_map(|(y, m, d)| jiff::civil::date(y, m, d)))
    }

    prop_compose! {
        fn advisory()(id in text(), aliases in texts(), vendor_ids in texts(), applies in applies(), status in 0..10usize,
                      severity in proptest::option::of(0..5i64), arches in texts(), module in proptest::option::of(text()),
                      cpes in proptest::collection::vec(any::<u32>(), 0..4), fix_date in date(), first_seen in date())
                      -> Advisory {
            Advisory { id, aliases, vendor_ids, source: DataSource::default(), applies, status: STATUSES[status],
                       severity: severity.map(Severity::from_rank), arches, module, cpes, fix_date, first_seen }
        }
    }

    proptest! {
        #[test]
        fn advisories_come_back_as_they_were(advisory in advisory()) {
            let mut bytes = Vec::new();
            put_advisory(&mut bytes, &advisory, 0);
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.advisory(&[DataSource::default()]).unwrap(), advisory);
            prop_assert!(reader.0.is_empty());
            for length in 0..bytes.len() {
                prop_assert!(Reader(&bytes[..length]).advisory(&[DataSource::default()]).is_none());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reader(&bytes).advisory(&[DataSource::default()]);
            let _ = Reader(&bytes).known_exploited();
            let _ = Reader(&bytes).epss();
        }
    }
}
