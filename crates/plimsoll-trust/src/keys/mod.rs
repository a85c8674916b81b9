//! Keys that sign: made, read, written, encrypted under a password; or kept elsewhere. In: PEM, or somebody's [`Keeper`]. Out:
//! [`Signer`]s, and texts of [`PrivateKey`]s. Keys that only check are no concern of theirs, and passwords come from whoever calls.

mod encrypted;
mod kept;
mod private;

pub use encrypted::{is_encrypted, open, seal};
pub use kept::{Handed, Keeper, KeptKey};
pub use private::{PrivateKey, Signer};
