//! How much of an image is read before we say "could not tell". Every bound has its reason; a bound that is hit becomes a
//! `LimitReached` problem, never silence.

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// The bounds of one catalogue run. Tests make them small; everyone else takes the default.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Unpacked bytes of one layer. The largest public images (GPU stacks) stay below 20 GiB; at 200 MB/s this is under
    /// three minutes of work.
    pub layer_unpacked: u64,
    /// Unpacked to packed bytes once `ratio_grace` is passed. Real layers stay under 20; gzip can reach 1032, zstd far more.
    pub ratio: u64,
    /// Unpacked bytes before the ratio counts: a large file of zeros is unwise but honest.
    pub ratio_grace: u64,
    /// Files, folders and links of all layers together, folders that names imply included. Images of three million files
    /// exist; a million cost about 170 MB and three seconds.
    pub entries: u64,
    /// Layers of one image: runtimes stop at 127.
    pub layers: usize,
    /// Bytes of small files that are kept until all layers are squashed (file lists, lockfiles with companions).
    pub kept_bytes: u64,
    /// One such file.
    pub kept_file: u64,
    /// A package database: the largest rpm databases seen are below 200 MB.
    pub database: u64,
    /// A file that is held whole in memory for a reader; a larger one with markers is searched while it streams by and
    /// fetched again when it has one.
    pub held: u64,
    /// A file that is shown to content inspectors.
    pub inspected: u64,
    /// Zeros that the holes of one sparse file may stand for.
    pub sparse_holes: u64,
    /// Executables that are listed, and remarkable files, and wasted files, each.
    pub listed: usize,
    /// Problems that one layer may bring; the rest is counted in one more.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            layer_unpacked: 32 * GIB,
            ratio: 300,
            ratio_grace: GIB,
            entries: 4_000_000,
            layers: 500,
            kept_bytes: 256 * MIB,
            kept_file: 32 * MIB,
            database: 512 * MIB,
            held: 48 * MIB,
            inspected: MIB,
            sparse_holes: GIB,
            listed: 1_000_000,
            problems: 200,
        }
    }
}
