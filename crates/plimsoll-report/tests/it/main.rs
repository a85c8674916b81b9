//! Reports in, bytes out.

mod every_format;
mod fixture;
mod json;
mod table;
