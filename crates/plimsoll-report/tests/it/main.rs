//! Reports in, bytes out.

// `cfg(test)` tells clippy that this is all test code, functions without `#[test]` included.
#[cfg(test)]
mod every_format;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod json;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod standards;
#[cfg(test)]
mod table;
#[cfg(test)]
mod view;
