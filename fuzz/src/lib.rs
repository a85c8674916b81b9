//! What the targets share. In: the fuzzer's bytes, or what a parser made of them. Out: inputs in a parser's shape, and the
//! laws that hold for every parser. What it does not do: know any format.

use std::cmp::Ordering;
use std::io::Cursor;

use plimsoll_advisories::versions::Order;
use plimsoll_inventory::os::DatabaseOutput;
use plimsoll_inventory::{Limits, Options, ReadInput, ReadOutput};
use plimsoll_model::{Inventory, Layer, LayerReader, OpenLayer, Package, Problem};

pub mod config;
pub mod mend;
pub mod places;
pub mod review;
pub mod trust;

/// The longest part of the input that is text.
pub fn text(data: &[u8]) -> &str {
    match std::str::from_utf8(data) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&data[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// The input as `N` texts, parted by line ends; missing ones are empty. The last one takes all that is left.
pub fn lines<const N: usize>(data: &[u8]) -> [&str; N] {
    let mut parts = text(data).splitn(N, '\n');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// The input as `N` byte strings, parted by `\0`.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Output bytes for one input byte. Lockfiles may repeat what they name once, and `Depends` bounds that: this is for
/// whatever has no bound of its own.
const MOST_OUT: usize = 512;
/// `Depends::MAX_BYTES` and some more.
const MOST_DEPENDENCIES: usize = 34 << 20;

/// Problems name something, and what comes out is in proportion to what went in.
pub fn told(input: usize, packages: &[Package], problems: &[Problem]) {
    let mut size = 0;
    let mut depends = 0;
    for package in packages {
        size += package.name.len() + package.version.len() + package.licenses.iter().map(String::len).sum::<usize>();
        size += package.location.path.len() + package.files.iter().map(String::len).sum::<usize>();
        depends += package.depends_on.iter().map(String::len).sum::<usize>();
    }
    for problem in problems {
        assert!(!problem.message.is_empty(), "a problem without words");
        size += problem.message.len();
    }
    assert!(size <= MOST_OUT * (input + 64), "{size} bytes out of {input}");
    assert!(depends <= MOST_DEPENDENCIES, "{depends} bytes of dependencies out of {input}");
}

/// [`told`] of a reader's output.
pub fn read(input: usize, output: &ReadOutput) {
    told(input, &output.packages, &output.problems);
}

/// [`told`] of a package database's.
pub fn database(input: usize, output: &DatabaseOutput) {
    told(input, &output.packages, &output.problems);
}

/// Runs the registered reader of that id over one file without companions.
pub fn reader(id: &str, path: &str, data: &[u8]) {
    let reader = plimsoll_inventory::READERS.iter().find(|reader| reader.id == id).expect("the target names a reader");
    read(data.len(), &(reader.read)(&ReadInput::alone(path, data)));
}

/// An image of these layers as they are stored, read with bounds so small that the fuzzer meets them.
pub fn image(layers: &[&[u8]]) -> Inventory {
    const MIB: u64 = 1 << 20;
    let limits = Limits {
        layer_unpacked: 64 * MIB,
        ratio_grace: 16 * MIB,
        entries: 20_000,
        layers: 8,
        kept_bytes: 4 * MIB,
        kept_file: MIB,
        database: 4 * MIB,
        held: 4 * MIB,
        inspected: MIB,
        sparse_holes: 8 * MIB,
        listed: 1000,
        problems: 20,
        ..Limits::default()
    };
    let options = Options { package_files: true, threads: 1, limits, ..Options::default() };
    let layers = layers
        .iter()
        .map(|bytes| {
            let bytes = bytes.to_vec();
            OpenLayer {
                layer: Layer { size: bytes.len() as u64, ..Layer::default() },
                open: Box::new(move || Ok(Box::new(Cursor::new(bytes.clone())) as LayerReader)),
            }
        })
        .collect();
    plimsoll_inventory::catalogue_image(None, layers, &options)
}

/// The laws of an order. Maven's own rules are not transitive for words inside words, so it is not asked that one.
pub fn laws(order: &Order, a: &str, b: &str, c: &str) {
    let ab = order.compare(a, b);
    assert_eq!(ab.is_ok(), order.check(a).is_ok() && order.check(b).is_ok(), "{}: {a:?} {b:?}", order.id);
    let Ok(ab) = ab else { return };
    assert_eq!(order.compare(b, a), Ok(ab.reverse()), "{}: {a:?} {b:?}", order.id);
    assert_eq!(order.compare(a, a), Ok(Ordering::Equal), "{}: {a:?}", order.id);
    let (Ok(bc), Ok(ac)) = (order.compare(b, c), order.compare(a, c)) else { return };
    if order.id != "maven" && ab != Ordering::Greater && bc != Ordering::Greater {
        let wanted = if ab == Ordering::Equal { bc } else { ab };
        assert_eq!(ac, wanted, "{}: {a:?} {b:?} {c:?}", order.id);
    }
}
