//! Keys and signatures as the rest of the world writes them. In: what tokens hold and give: numbers, points, pairs of numbers. Out: DER.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// `id-ecPublicKey`, whole.
const ID_EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `rsaEncryption` and its NULL, whole.
const ID_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// The curves' names, as tokens hold them too, and the bytes of a coordinate.
const CURVES: &[(&[u8], usize)] = &[
    (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], 32),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], 48),
];
/// Bytes of a modulus of 8,192 bits.
const MOST: usize = 1024;

/// The bytes of a coordinate on P-256 or P-384.
pub fn coordinate(curve: &[u8]) -> Option<usize> {
    CURVES.iter().find(|(name, _)| *name == curve).map(|(_, length)| *length)
}

/// The `SubjectPublicKeyInfo` of a point, which tokens hold in an octet string, or bare.
pub fn of_point(curve: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let length = 1 + 2 * coordinate(curve)?;
    let point = match point {
        [0x04, inside, bare @ ..] if bare.len() == length && usize::from(*inside) == length => bare,
        bare if bare.len() == length => bare,
        _ => return None,
    };
    let algorithm = written(SEQUENCE, &[ID_EC, curve].concat());
    Some(written(SEQUENCE, &[algorithm, written(BIT_STRING, &[&[0], point].concat())].concat()))
}

/// The `SubjectPublicKeyInfo` of an RSA key.
pub fn of_modulus(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    if modulus.len() > MOST || exponent.len() > MOST {
        return None;
    }
    let key = written(SEQUENCE, &[integer(modulus), integer(exponent)].concat());
    let algorithm = written(SEQUENCE, ID_RSA);
    Some(written(SEQUENCE, &[algorithm, written(BIT_STRING, &[&[0], key.as_slice()].concat())].concat()))
}

/// A signature of ECDSA, of which tokens give the two numbers one behind the other.
pub fn of_pair(pair: &[u8], coordinate: usize) -> Option<Vec<u8>> {
    let (r, s) = pair.split_at_checked(coordinate)?;
    (s.len() == coordinate).then(|| written(SEQUENCE, &[integer(r), integer(s)].concat()))
}

/// A number that is not negative, in as few bytes as it has.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    match bytes.first() {
        Some(first) if first & 0x80 == 0 => written(INTEGER, bytes),
        _ => written(INTEGER, &[&[0], bytes].concat()),
    }
}

/// At most some kilobytes, as all that is written here has.
fn written(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let [.., high, low] = length.to_be_bytes();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(low),
        0x80..0x100 => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_taken_bare_and_in_an_octet_string() {
        for (curve, length) in CURVES {
            let point = [&[4][..], &vec![7; 2 * length]].concat();
            let wrapped = [&[4, u8::try_from(point.len()).unwrap()][..], &point].concat();
            let bare = of_point(curve, &point).unwrap();
            assert_eq!(of_point(curve, &wrapped), Some(bare.clone()));
            assert!(bare.ends_with(&point) && usize::from(bare[1]) == bare.len() - 2);
            for wrong in [&point[1..], &wrapped[..wrapped.len() - 1], &[], &[&wrapped[..], &[0]].concat()] {
                assert_eq!(of_point(curve, wrong), None);
            }
        }
        assert_eq!(of_point(&[0x06, 0x03, 0x2b, 0x65, 0x70], &[0; 32]), None);
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be_and_not_negative() {
        for (bytes, der) in
            [(&[0, 0, 1][..], &[2, 1, 1][..]), (&[0x80], &[2, 2, 0, 0x80]), (&[0], &[2, 1, 0]), (&[], &[2, 1, 0])]
        {
            assert_eq!(integer(bytes), der, "{bytes:?}");
        }
        let key = of_modulus(&[0xff; 256], &[1, 0, 1]).unwrap();
        assert_eq!((key.len(), &key[..4]), (294, &[0x30, 0x82, 0x01, 0x22][..]));
        assert_eq!(of_modulus(&[0xff; 1025], &[1, 0, 1]), None);
    }

    #[test]
    fn a_pair_has_two_numbers_of_the_curves_length() {
        assert_eq!(of_pair(&[0, 1, 0x80, 2], 2), Some(vec![0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 2]));
        for wrong in [&[1, 2, 3][..], &[1, 2, 3, 4, 5], &[1], &[]] {
            assert_eq!(of_pair(wrong, 2), None);
        }
    }
}
