//! Randomness from the seed that [`super::World`] hands over: one seed, one run. SplitMix64; for UUIDs, draws and salts of
//! signatures, none of which is a secret.

use super::Context;

pub(super) fn next(context: &mut Context<'_>) -> u64 {
    let state = context.scratch.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    context.scratch.random = state;
    let mut mixed = state ^ context.world.seed.rotate_left(32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

pub(super) fn fill(context: &mut Context<'_>, out: &mut [u8]) {
    for chunk in out.chunks_mut(8) {
        let drawn = next(context).to_le_bytes();
        for (to, from) in chunk.iter_mut().zip(drawn) {
            *to = from;
        }
    }
}
