//! Proofs of inclusion in a Merkle tree (RFC 9162 §2.1.3). In: an entry, its place, the tree's size, the hashes. Out: the root that they
//! lead to. It knows no log.

use crate::public_key::sha256;
use crate::refusal::{Reason, Refusal};

/// A tree whose size is 64 bits is no deeper.
const MOST_HASHES: usize = 64;

/// The hash of an entry.
pub(crate) fn leaf(entry: &[u8]) -> [u8; 32] {
    sha256(&[&[0], entry].concat())
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], &left[..], &right[..]].concat())
}

/// The root to which `hashes` lead from the leaf at `index` of `size`.
///
/// # Errors
/// `inclusion-invalid` where there are more or fewer hashes than that place has.
pub(crate) fn root(leaf: [u8; 32], index: u64, size: u64, hashes: &[[u8; 32]]) -> Result<[u8; 32], Refusal> {
    let wrong = || {
        Refusal::new(Reason::InclusionInvalid, "a proof of inclusion of another shape than its place in the log has")
    };
    if index >= size || hashes.len() > MOST_HASHES {
        return Err(wrong());
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in hashes {
        if last == 0 {
            return Err(wrong());
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            // A last node without a sibling is handed up unchanged.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(hash) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Root and proof by the definition, RFC 9162 §2.1.1 and §2.1.3.1: split at the largest power of two below.
    fn tree(leaves: &[[u8; 32]], index: Option<usize>) -> ([u8; 32], Vec<[u8; 32]>) {
        if let [one] = leaves {
            return (*one, Vec::new());
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (inside, (l, mut proof), (r, right_proof)) = match index {
            Some(i) if i < split => (0, tree(left, Some(i)), tree(right, None)),
            Some(i) => (1, tree(left, None), tree(right, Some(i - split))),
            None => (2, tree(left, None), tree(right, None)),
        };
        match inside {
            0 => proof.push(r),
            1 => proof = [right_proof, vec![l]].concat(),
            _ => {}
        }
        (node(&l, &r), proof)
    }

    proptest! {
        #[test]
        fn proofs_lead_to_the_root_from_their_own_place_alone(size in 1usize..70, at in any::<prop::sample::Index>(), change in any::<prop::sample::Index>()) {
            let leaves: Vec<_> = (0..size).map(|i| leaf(&i.to_be_bytes())).collect();
            let index = at.index(size);
            let (top, proof) = tree(&leaves, Some(index));
            prop_assert_eq!(root(leaves[index], index as u64, size as u64, &proof), Ok(top));
            let other = change.index(size);
            if other != index {
                prop_assert_ne!(root(leaves[other], index as u64, size as u64, &proof), Ok(top));
                prop_assert_ne!(root(leaves[index], other as u64, size as u64, &proof), Ok(top));
            }
            if !proof.is_empty() {
                let mut wrong = proof.clone();
                wrong[change.index(proof.len())][0] ^= 1;
                prop_assert_ne!(root(leaves[index], index as u64, size as u64, &wrong), Ok(top));
                prop_assert!(root(leaves[index], index as u64, size as u64, &proof[1..]).is_err());
            }
            let longer = [&proof[..], &[[0; 32]]].concat();
            prop_assert!(root(leaves[index], index as u64, size as u64, &longer).is_err());
        }

        #[test]
        fn no_numbers_make_it_panic(index in any::<u64>(), size in any::<u64>(), count in 0usize..70) {
            let _ = root([0; 32], index, size, &vec![[1; 32]; count]);
        }
    }
}
