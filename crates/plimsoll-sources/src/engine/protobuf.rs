//! The little of protocol buffers that containerd's API needs. In: fields or bytes. Out: bytes or fields.
//! <https://protobuf.dev/programming-guides/encoding/>; by hand, because a generator would need `protoc` to build.

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A text field.
pub fn text(field: u8, value: &str) -> Vec<u8> {
    let mut out = vec![(field << 3) | 2];
    varint(value.len() as u64, &mut out);
    out.extend_from_slice(value.as_bytes());
    out
}

/// A number field; zero is left away, as it is the default.
pub fn number(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![];
    if value > 0 {
        out.push(field << 3);
        varint(value, &mut out);
    }
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The fields of a message in their order; `None` when it is malformed.
pub fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(take_varint(&mut bytes)?),
            1 => Value::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        found.push((key >> 3, value));
    }
    Some(found)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, back) = bytes.split_at_checked(length)?;
    *bytes = back;
    Some(front)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_round_trip() {
        let bytes = [text(1, "name"), number(2, 300), number(3, 0)].concat();
        assert_eq!(bytes, [0x0a, 4, b'n', b'a', b'm', b'e', 0x10, 0xac, 0x02]);
        assert_eq!(fields(&bytes).unwrap(), [(1, Value::Bytes(b"name")), (2, Value::Number(300))]);
    }

    #[test]
    fn truncated_messages_are_malformed() {
        assert_eq!(fields(&[0x0a, 4, b'n']), None);
        assert_eq!(fields(&[0x10, 0xff]), None);
        assert_eq!(fields(&[0x0b]), None, "groups are of the past");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = fields(&bytes);
        }
    }
}
