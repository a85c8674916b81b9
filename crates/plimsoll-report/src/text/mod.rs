//! Text for people: made safe, measured, wrapped, painted.

pub mod json;
pub mod markdown;
pub mod markup;
pub mod natural;
pub mod paint;
pub mod safe;
pub mod size;
pub mod wrap;
