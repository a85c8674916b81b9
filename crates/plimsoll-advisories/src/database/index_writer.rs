//! Records to an index file. In: what feeds said, and the index that stands so far. Out: bytes that are the same for the
//! same input. The layout is described in `index`.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use plimsoll_model::{DataSource, Problem, ProblemKind, Vulnerability};
use sha2::{Digest, Sha256};

use super::codec::{put_advisory, put_bytes, put_epss, put_known_exploited};
use super::index::{About, DIRECTORY_ENTRY, FeedCount, HEADER, HEADER_SUMMED, MAGIC, VERSION, key_of, kind};
use super::memory::join;
use crate::feeds::{Record, Records, date_of};
use crate::record::{Advisory, AdvisorySource, Applies, Event, Space};

/// A block is closed once it is this long: small enough to scan in a microsecond, large enough that the directory of a
/// million names stays under a few megabytes.
const BLOCK: usize = 8 << 10;
/// Problems of documents that an index carries along; beyond that their number says enough.
const MAX_PROBLEMS: usize = 100;

/// The bytes of an index.
pub fn bytes(records: Records, feeds: Vec<FeedCount>, previous: Option<&dyn AdvisorySource>, at: Timestamp) -> Vec<u8> {
    let Records { advisories, vulnerabilities, known_exploited, epss, mut spaces, problems, .. } = records;
    let mut sources: Vec<DataSource> = advisories.iter().map(|record| record.advisory.source.clone()).collect();
    sources.sort();
    sources.dedup();

    let mut entries: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut count = 0u64;
    for ((space, name), mut list) in grouped(advisories) {
        carry_first_seen(&space, &name, &mut list, previous, at);
        let mut encoded: Vec<Vec<u8>> = list
            .iter()
            .map(|advisory| {
                let mut bytes = Vec::new();
                put_advisory(&mut bytes, advisory, sources.binary_search(&advisory.source).unwrap_or(0));
                bytes
            })
            .collect();
        // A feed given twice says nothing twice, and the order of inputs is not seen.
        encoded.sort();
        encoded.dedup();
        count += encoded.len() as u64;
        entries.insert(key_of(kind::ADVISORIES, Some(&space), &name), encoded.concat());
        if !spaces.contains(&space) {
            spaces.push(space);
        }
    }
    for space in &spaces {
        entries.insert(key_of(kind::SPACE, Some(space), ""), vec![1]);
    }
    let mut details: BTreeMap<String, Vulnerability> = BTreeMap::new();
    for (id, said) in vulnerabilities {
        match details.get_mut(&id) {
            Some(known) => join(known, said),
            None => {
                details.insert(id, said);
            }
        }
    }
    for (id, details) in details {
        entries.insert(key_of(kind::VULNERABILITY, None, &id), deflated(&details));
    }
    for (id, known) in known_exploited {
        let mut value = Vec::new();
        put_known_exploited(&mut value, &known);
        entries.insert(key_of(kind::KNOWN_EXPLOITED, None, &id), value);
    }
    for (id, score) in epss {
        let mut value = Vec::new();
        put_epss(&mut value, &score);
        entries.insert(key_of(kind::EPSS, None, &id), value);
    }
    layout(&entries, &About { sources, feeds, problems: bounded(problems) }, count, at)
}

/// Advisories by space and name, with what Debian says in two feeds joined.
fn grouped(advisories: Vec<Record>) -> BTreeMap<(Space, String), Vec<Advisory>> {
    let mut groups: BTreeMap<(Space, String), Vec<Advisory>> = BTreeMap::new();
    for record in advisories {
        groups.entry((record.space, record.name)).or_default().push(record.advisory);
    }
    for list in groups.values_mut() {
        join_debian(list);
    }
    groups
}

/// Debian's tracker says what holds; its list of advisories says by which advisory and since when.
fn join_debian(list: &mut Vec<Advisory>) {
    let (tracker, listed): (Vec<usize>, Vec<usize>) = (0..list.len())
        .filter(|i| list.get(*i).is_some_and(|a| a.source.id == "debian"))
        .partition(|i| list.get(*i).is_some_and(|a| a.vendor_ids.is_empty()));
    let mut joined = Vec::new();
    for at in listed {
        let Some(notice) = list.get(at).cloned() else { continue };
        let Some(fact) = tracker.iter().find_map(|i| list.get(*i).filter(|a| a.id == notice.id).map(|_| *i)) else {
            continue;
        };
        joined.push(at);
        let Some(fact) = list.get_mut(fact) else { continue };
        fact.fix_date = if fact.applies == notice.applies {
            notice.fix_date.or(fact.fix_date)
        } else {
            fact.fix_date.or(notice.fix_date)
        };
        fact.vendor_ids.extend(notice.vendor_ids);
        fact.vendor_ids.sort();
        fact.vendor_ids.dedup();
    }
    for at in joined.into_iter().rev() {
        list.remove(at);
    }
}

/// A fix that the previous index had keeps its date; one that it had not is first seen now. Without a previous index
/// nothing is known of when: a first build must not make every old fix look new.
fn carry_first_seen(
    space: &Space,
    name: &str,
    list: &mut [Advisory],
    previous: Option<&dyn AdvisorySource>,
    at: Timestamp,
) {
    let Some(previous) = previous else { return };
    // Where the old one cannot be read the date is not known, and the publication counts.
    let Ok(old) = previous.advisories(space, name) else { return };
    let covered = previous.covers(space);
    for advisory in list.iter_mut().filter(|a| a.first_seen.is_none() && has_fix(&a.applies)) {
        let known =
            old.iter().find(|o| o.id == advisory.id && o.source.id == advisory.source.id && has_fix(&o.applies));
        advisory.first_seen = match known {
            Some(known) => known.first_seen,
            None => covered.then(|| date_of(at)),
        };
    }
}

/// Whether a fixed version is named; `0` is no fix but "not affected".
fn has_fix(applies: &Applies) -> bool {
    match applies {
        Applies::Below { fixed } => fixed.as_deref().is_some_and(|fixed| fixed != "0"),
        Applies::Osv { ranges, .. } => ranges.iter().flat_map(|r| &r.events).any(|e| matches!(e, Event::Fixed(_))),
        Applies::Expressions { patched, .. } => !patched.is_empty(),
    }
}

fn deflated(details: &Vulnerability) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    // Neither a struct of text and numbers nor a Vec can refuse.
    let json = serde_json::to_vec(details).expect("a vulnerability is plain data");
    out.write_all(&json).and_then(|()| out.finish()).expect("writing to memory does not fail")
}

fn bounded(mut problems: Vec<Problem>) -> Vec<Problem> {
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        problems.truncate(MAX_PROBLEMS);
        let message = format!("read the feeds: {more} more problems of the same build are not listed");
        problems.push(Problem::undecided(ProblemKind::BadAdvisory, message));
    }
    problems
}

fn layout(entries: &BTreeMap<Vec<u8>, Vec<u8>>, about: &About, count: u64, at: Timestamp) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    let mut directory = Vec::new();
    let mut first_keys: Vec<u8> = Vec::new();
    let mut block: Vec<u8> = Vec::new();
    let mut blocks = 0u32;
    let mut close = |block: &mut Vec<u8>, out: &mut Vec<u8>, directory: &mut Vec<u8>| {
        directory.extend_from_slice(&(out.len() as u64).to_le_bytes());
        directory.extend_from_slice(&(block.len() as u32).to_le_bytes());
        directory.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
        out.append(block);
        blocks += 1;
    };
    let mut places = Vec::new();
    for (key, value) in entries {
        if block.len() >= BLOCK {
            close(&mut block, &mut out, &mut directory);
        }
        if block.is_empty() {
            places.push(first_keys.len() as u32);
            first_keys.extend_from_slice(key);
        }
        put_bytes(&mut block, key);
        put_bytes(&mut block, value);
    }
    if !block.is_empty() {
        close(&mut block, &mut out, &mut directory);
    }
    let mut whole = Vec::with_capacity(places.len() * DIRECTORY_ENTRY + first_keys.len());
    for (fields, place) in directory.chunks(DIRECTORY_ENTRY - 4).zip(&places) {
        whole.extend_from_slice(fields);
        whole.extend_from_slice(&place.to_le_bytes());
    }
    whole.extend_from_slice(&first_keys);
    let about = serde_json::to_vec(about).expect("plain data");

    let mut header = Vec::with_capacity(HEADER);
    let directory_at = out.len() as u64;
    let about_at = directory_at + whole.len() as u64;
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(HEADER as u32).to_le_bytes());
    for word in [about_at + about.len() as u64, at.as_second() as u64, count, HEADER as u64] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header.extend_from_slice(&directory_at.to_le_bytes());
    header.extend_from_slice(&(whole.len() as u64).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&whole).to_le_bytes());
    header.extend_from_slice(&blocks.to_le_bytes());
    header.extend_from_slice(&about_at.to_le_bytes());
    header.extend_from_slice(&(about.len() as u64).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&about).to_le_bytes());
    header.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&whole);
    out.extend_from_slice(&about);
    header.extend_from_slice(&Sha256::digest(out.get(HEADER..).unwrap_or_default()));
    debug_assert_eq!(header.len(), HEADER_SUMMED);
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    header.resize(HEADER, 0);
    out.splice(..HEADER, header);
    out
}
