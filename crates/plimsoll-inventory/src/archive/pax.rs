//! Extended headers of tar. In: the bytes of a pax header. Out: the records that change how the next entry is read.
//! Follows POSIX.1-2017 "pax interchange format" and GNU tar's sparse formats 0.0, 0.1 and 1.0.

use super::ArchiveError;

/// What an extended header says of the entry that follows it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    /// GNU sparse: the name of the file itself, where `path` is only a placeholder.
    pub sparse_name: Option<Vec<u8>>,
    pub sparse_size: Option<u64>,
    /// GNU sparse major version; formats 0.x have none.
    pub sparse_major: Option<u64>,
    /// Offsets and lengths in turn, for formats 0.0 and 0.1.
    pub sparse_map: Option<Vec<u64>>,
}

impl Pax {
    /// Reads `length key=value\n` records. `at` is for the error only.
    pub fn parse(mut bytes: &[u8], at: u64) -> Result<Pax, ArchiveError> {
        let bad = || ArchiveError::Pax { at };
        let mut pax = Pax::default();
        while !bytes.is_empty() && bytes[0] != 0 {
            let space = bytes.iter().take(20).position(|b| *b == b' ').ok_or_else(bad)?;
            let length = decimal(&bytes[..space]).and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
            if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
                return Err(bad());
            }
            let record = &bytes[space + 1..length - 1];
            bytes = &bytes[length..];
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
            pax.record(&record[..equals], &record[equals + 1..]).ok_or_else(bad)?;
        }
        Ok(pax)
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = || (!value.is_empty() && !value.contains(&0)).then(|| value.to_vec());
        match key {
            // An empty value takes the record back.
            b"path" => self.path = if value.is_empty() { None } else { Some(text()?) },
            b"linkpath" => self.link = if value.is_empty() { None } else { Some(text()?) },
            b"size" => self.size = if value.is_empty() { None } else { Some(decimal(value)?) },
            b"GNU.sparse.name" => self.sparse_name = Some(text()?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = Some(decimal(value)?),
            b"GNU.sparse.major" => self.sparse_major = Some(decimal(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse_map.get_or_insert_with(Vec::new).push(decimal(value)?);
            }
            b"GNU.sparse.map" => {
                let numbers = value.split(|b| *b == b',').map(decimal).collect::<Option<Vec<u64>>>()?;
                self.sparse_map = Some(numbers);
            }
            _ => {}
        }
        Some(())
    }
}

/// A plain decimal number; `None` for anything else.
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    bytes.iter().try_fold(0u64, |n, b| {
        b.is_ascii_digit().then_some(())?;
        n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_read_by_their_length() {
        let pax = Pax::parse(b"30 mtime=1350244992.023960108\n12 path=a\nb\n9 size=7\n", 0).unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(pax.size, Some(7));
    }

    #[test]
    fn records_that_lie_about_their_length_are_refused() {
        for bad in [&b"99 path=a\n"[..], b"0 path=a\n", b"3 a", b"9 path=a", b"x path=a\n", b"10 path a\n\n"] {
            assert!(Pax::parse(bad, 0).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pax::parse(&bytes, 0);
        }
    }
}
