//! What the crate gives, from documents to what is said of a review.

mod hostile;
mod inventory;
mod library;
mod parameters;
