//! Programs that say what they were built from: Go's build information, cargo-auditable's section. One file each; the
//! registry is `readers::READERS`.

pub mod cargo_auditable;
pub mod go;
pub mod go_build_info;

use crate::reader::Candidate;

/// Larger programs are not read: the largest Go programs in use (hyperkube, some operators) are about a quarter of it.
const MAX_PROGRAM: u64 = 1 << 30;

/// ELF, Mach-O (thin, either byte order) or PE by its first bytes.
fn is_program(file: &Candidate<'_>) -> bool {
    file.is_elf()
        || matches!(
            file.head,
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xcf | 0xce, ..] | [b'M', b'Z', ..]
        )
}
