//! The build information that Go's linker leaves in every program. In: a program's bytes. Out: Go's version and the module
//! text, in both forms (inline since Go 1.18, by pointers before). What it does not do: say what the versions mean.
//! Format: <https://pkg.go.dev/debug/buildinfo>, <https://pkg.go.dev/runtime/debug#BuildInfo>.

use object::read::{Object, ObjectSegment};

/// What a program says of its build. Versions are as written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// `go1.22.3`, `go1.21.0 X:boringcrypto`, `devel go1.23-…`.
    pub go_version: String,
    /// The main package's import path.
    pub path: String,
    /// The main module; none in programs built outside modules and in Go's own tools.
    pub main: Option<Module>,
    /// Every other module in the program, replacements in place.
    pub deps: Vec<Module>,
    /// `-ldflags`, `vcs.revision`, …
    pub settings: Vec<(String, String)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Module {
    pub path: String,
    pub version: String,
}

pub const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The header: magic, pointer size, flags, and in the old form two pointers.
const HEADER: usize = 32;
/// The module text of Kubernetes is 40 kB.
const MAX_MODULE_TEXT: usize = 16 << 20;
/// The magic also stands as data in programs that read build information: only so many places are tried.
const MAX_PLACES: usize = 64;

/// The build information of a program; none when it has none that can be decoded.
pub fn build_info(bytes: &[u8]) -> Option<BuildInfo> {
    let (version, modules) =
        memchr::memmem::find_iter(bytes, MAGIC).take(MAX_PLACES).find_map(|at| strings(bytes, at))?;
    let mut info = BuildInfo { go_version: version, ..BuildInfo::default() };
    module_text(&modules, &mut info);
    Some(info)
}

/// Go's version and module text of the header at `at`.
fn strings(bytes: &[u8], at: usize) -> Option<(String, String)> {
    let header = bytes.get(at..at.checked_add(HEADER)?)?;
    let (pointer_size, flags) = (header[14], header[15]);
    let (version, modules) = if flags & 2 != 0 {
        let mut rest = bytes.get(at + HEADER..)?;
        (counted(&mut rest)?, counted(&mut rest).unwrap_or_default())
    } else {
        by_pointers(bytes, header, pointer_size, flags & 1 != 0)?
    };
    let version = std::str::from_utf8(version).ok()?;
    // Beside the magic in the data of a program that reads build information stand words of that program, "devel" among
    // them: what follows them tells them apart.
    if !(version.starts_with("go") || version.starts_with("devel")) || version.contains(char::is_control) {
        return None;
    }
    // 16 random bytes on both sides mark the text for whoever looks for it without the header.
    let modules = match modules.len() {
        n if n >= 33 && modules[n - 17] == b'\n' => &modules[16..n - 16],
        _ => &[],
    };
    Some((version.to_owned(), String::from_utf8_lossy(modules).into_owned()))
}

/// A string after its length as a variable-length integer (seven bits a byte, lowest first).
fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0usize;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (text, tail) = rest.split_at_checked(length).filter(|_| length <= MAX_MODULE_TEXT)?;
            *rest = tail;
            return Some(text);
        }
    }
    None
}

/// Before Go 1.18 the header has the addresses of two Go strings, each an address and a length.
fn by_pointers<'a>(bytes: &'a [u8], header: &[u8], size: u8, big_endian: bool) -> Option<(&'a [u8], &'a [u8])> {
    let size = usize::from(size);
    if size != 4 && size != 8 {
        return None;
    }
    let file = object::File::parse(bytes).ok()?;
    let number = |data: &[u8]| -> Option<u64> {
        let data = data.get(..size)?;
        Some(data.iter().enumerate().fold(0, |sum, (i, byte)| {
            let place = if big_endian { size - 1 - i } else { i };
            sum | u64::from(*byte) << (8 * place)
        }))
    };
    let memory = |address: u64, length: u64| -> Option<&'a [u8]> {
        file.segments().find_map(|segment| segment.data_range(address, length).ok().flatten())
    };
    let go_string = |pointer: u64| -> Option<&'a [u8]> {
        let head = memory(pointer, 2 * size as u64)?;
        let (address, length) = (number(head)?, number(head.get(size..)?)?);
        (length <= MAX_MODULE_TEXT as u64).then(|| memory(address, length)).flatten()
    };
    let version = go_string(number(header.get(16..)?)?)?;
    let modules = number(header.get(16 + size..)?).and_then(go_string).unwrap_or_default();
    Some((version, modules))
}

/// Tab-separated lines: `path P`, `mod M V SUM`, `dep M V SUM`, `=> M V SUM` for the line above, `build KEY=VALUE`.
fn module_text(text: &str, info: &mut BuildInfo) {
    let mut last_is_dep = false;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let word = fields.next().unwrap_or_default();
        let mut module = || Module {
            path: fields.next().unwrap_or_default().to_owned(),
            version: fields.next().unwrap_or_default().to_owned(),
        };
        match word {
            "path" => info.path = fields.next().unwrap_or_default().to_owned(),
            "mod" => info.main = Some(module()),
            "dep" => info.deps.push(module()),
            "=>" if last_is_dep => {
                if let Some(dep) = info.deps.last_mut() {
                    *dep = module();
                }
            }
            "=>" => info.main = Some(module()),
            "build" => {
                let setting = line.strip_prefix("build\t").unwrap_or_default();
                if let Some((key, value)) = setting.split_once('=') {
                    info.settings.push((key.to_owned(), unquoted(value)));
                }
            }
            _ => {}
        }
        last_is_dep = word == "dep";
    }
}

/// Go quotes values with blanks or quotes in them as it quotes strings.
fn unquoted(value: &str) -> String {
    if let Some(raw) = value.strip_prefix('`').and_then(|v| v.strip_suffix('`')) {
        return raw.to_owned();
    }
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else { return value.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const TEXT: &str = "path\texample.com/shop/cmd/shop\nmod\texample.com/shop\t(devel)\t\ndep\tgithub.com/a/b\tv1.2.3\th1:x=\ndep\tgithub.com/c/d\tv0.1.0\n=>\tgithub.com/e/f\tv0.2.0+incompatible\th1:y=\nbuild\t-ldflags=\"-s -X 'main.version=1.4.0'\"\nbuild\tGOOS=linux\n";

    /// Not a program, but all that the inline form needs: a header at a multiple of 16 and two counted strings.
    pub fn inline(version: &str, text: &str) -> Vec<u8> {
        let mut out = b"\x7fELF\x02\x01 decoy \xff Go buildinf:".to_vec();
        out.resize(out.len().next_multiple_of(16), 0);
        out.extend_from_slice(MAGIC);
        out.extend([8, 2]);
        out.resize(out.len() + 16, 0);
        let framed = [&[b'-'; 16][..], text.as_bytes(), &[b'-'; 16]].concat();
        for part in [version.as_bytes(), &framed] {
            let mut length = part.len();
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            out.extend_from_slice(part);
        }
        out
    }

    #[test]
    fn words_beside_the_magic_in_a_reader_of_build_information_are_no_header() {
        let mut reader = MAGIC.to_vec();
        reader.extend(b"\x08\x02");
        reader.resize(HEADER, b' ');
        reader.extend(b"\x07devel\0\0\0");
        assert_eq!(build_info(&reader), None);
    }

    #[test]
    fn inline_form_is_read() {
        let info = build_info(&inline("go1.22.3", TEXT)).unwrap();
        assert_eq!(info.go_version, "go1.22.3");
        assert_eq!(info.main.unwrap().version, "(devel)");
        let deps: Vec<_> = info.deps.iter().map(|m| (m.path.as_str(), m.version.as_str())).collect();
        assert_eq!(deps, [("github.com/a/b", "v1.2.3"), ("github.com/e/f", "v0.2.0+incompatible")]);
        assert_eq!(info.settings[0], ("-ldflags".into(), "-s -X 'main.version=1.4.0'".into()));
    }

    /// A 64-bit little-endian ELF program of one segment at address 0x400000 that holds the old form.
    #[test]
    fn pointer_form_is_read() {
        const BASE: u64 = 0x400000;
        let text = format!("{}{}{}", "-".repeat(16), "path\tx\nmod\tx\tv1.0.0\t\n", "-".repeat(16));
        let mut out = vec![0u8; 128];
        out[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        let header: [(usize, u64, usize); 9] = [
            (16, 2, 2),
            (18, 62, 2),
            (20, 1, 4),
            (32, 64, 8),
            (52, 64, 2),
            (54, 56, 2),
            (56, 1, 2),
            (64, 1, 4),
            (68, 6, 4),
        ];
        for (at, value, size) in header {
            out[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        let version = out.len() as u64;
        out.extend_from_slice(b"go1.15.2");
        let modules = out.len() as u64;
        out.extend_from_slice(text.as_bytes());
        let strings = out.len() as u64;
        for (at, length) in [(version, 8), (modules, text.len() as u64)] {
            out.extend((BASE + at).to_le_bytes());
            out.extend(length.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(16), 0);
        out.extend_from_slice(MAGIC);
        out.extend([8, 0]);
        out.extend((BASE + strings).to_le_bytes());
        out.extend((BASE + strings + 16).to_le_bytes());
        let size = (out.len() as u64).to_le_bytes();
        for (at, value) in [(80, BASE.to_le_bytes()), (88, BASE.to_le_bytes()), (96, size), (104, size)] {
            out[at..at + 8].copy_from_slice(&value);
        }
        let info = build_info(&out).unwrap();
        assert_eq!((info.go_version.as_str(), info.main.unwrap().version.as_str()), ("go1.15.2", "v1.0.0"));
        for end in 0..out.len() {
            assert_eq!(build_info(&out[..end]), None);
        }
    }

    #[test]
    fn programs_without_build_information_give_none() {
        assert_eq!(build_info(b"\x7fELF"), None);
        assert_eq!(build_info(&inline("rust", TEXT)), None);
        let whole = inline("go1.22.3", TEXT);
        for end in 0..whole.len() {
            let _ = build_info(&whole[..end]);
        }
    }
}
