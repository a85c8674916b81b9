//! Keys in tokens of hardware, by PKCS#11. In: a URI (RFC 7512), a PIN. Out: the public half of a key, and signatures by it. What it does
//! not do: believe a signature, hash a message, or ask for the PIN; that is whoever's who calls. A module is a library of whoever made
//! the token, which runs in this process: it is loaded where a URI or the user names it, and nowhere else.
//! <https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html>

mod der;
mod error;
mod token;
mod uri;

pub use cryptoki::types::AuthPin as Pin;
pub use error::TokenError;
pub use token::{Hash, Key, Listed, Token, keys, public, tokens};
pub use uri::Uri;
