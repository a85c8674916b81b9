//! Keys that sign: made, read, written, encrypted under a password. In: PEM. Out: [`PrivateKey`]s, and texts of them. Keys that
//! only check are no concern of theirs, and passwords come from whoever calls.

mod encrypted;
mod private;

pub use encrypted::{is_encrypted, open, seal};
pub use private::{PrivateKey, Signer};
