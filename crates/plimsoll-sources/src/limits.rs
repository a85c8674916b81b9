//! The bounds on everything that a stranger wrote. Each is far above what honest images need and far below what hurts.

/// A manifest or an index. The OCI distribution specification asks registries to take 4 MiB, and none serves more.
pub const MAX_MANIFEST: u64 = 4 << 20;
/// An image configuration. Histories of generated images reach some hundred kilobytes.
pub const MAX_CONFIG: u64 = 8 << 20;
/// Layers of one image. Engines stop at 127; builders that make one layer per package reach some hundred.
pub const MAX_LAYERS: usize = 1_000;
/// Entries of one index. The largest public ones have some dozen platforms; layouts that collect images have more.
pub const MAX_INDEX_ENTRIES: usize = 10_000;
/// Indexes inside indexes. Two are seen in the wild (layout index, then image index); an index that names itself ends here.
pub const MAX_INDEX_DEPTH: usize = 5;
/// Members of an image archive. A layout has a blob per layer; a thousand images still fit.
pub const MAX_ARCHIVE_MEMBERS: usize = 200_000;
/// A long name or PAX record in an archive's own headers.
pub const MAX_TAR_HEADER_DATA: u64 = 1 << 20;
/// What a compressed image archive may unpack to on disk while it is read.
pub const MAX_ARCHIVE_UNPACKED: u64 = 64 << 30;
/// Below this many unpacked bytes the ratio is not looked at: small archives of zeros are honest.
pub const RATIO_FREE: u64 = 1 << 30;
/// The largest ratio of unpacked to packed bytes past `RATIO_FREE`. Real images stay below 20.
pub const MAX_RATIO: u64 = 200;
/// Links followed from one archive member to another. `docker save` writes one.
pub const MAX_LINK_HOPS: usize = 8;
/// Folders below one another in a walk. Linux paths end at 4,096 bytes, so honest trees stay far below.
pub const MAX_FOLDER_DEPTH: usize = 512;
/// Folders looked into when layouts are searched below a path.
pub const MAX_SEARCH_FOLDERS: usize = 100_000;
/// How deep layouts are searched below a path.
pub const MAX_SEARCH_DEPTH: usize = 16;
