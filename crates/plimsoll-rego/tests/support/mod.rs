//! What the tests and the programs under `examples/` share: questions about programs ([`ask`]), our answers ([`ours`]), the
//! real OPA's ([`peer`]), files of many small programs ([`cases`]) and
//! public ones ([`public`]).

pub mod ask;
pub mod cases;
pub mod ours;
pub mod peer;
pub mod public;
pub mod yaml;
