//! What the tests and the programs under `examples/` share: questions about programs ([`ask`]), our answers ([`ours`]), the
//! real OPA's ([`peer`]), and files of many small programs ([`cases`]).

pub mod ask;
pub mod cases;
pub mod ours;
pub mod peer;
pub mod public;
