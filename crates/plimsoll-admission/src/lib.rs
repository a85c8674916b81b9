//! Admission: what the API server asks, and what it is told. In: the bytes of an `ImageReview` or `AdmissionReview`, and
//! later the verdicts of its images. Out: the images to judge, and the answer's bytes. What this crate does not do:
//! HTTP, TLS, caches, clocks or policies; it neither makes a verdict nor changes one.
//!
//! Contracts: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#imagepolicywebhook> and
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>.
//!
//! The API server reads the same bytes with a decoder of its own. Where two readers could differ (a key given twice, a
//! kind that contradicts itself, bytes that are no UTF-8) the review is refused, so that nobody can show one image to us
//! and another to the API server.

mod answer;
mod decide;
mod json;
mod kinds;
mod object;
mod patch;
mod read;
mod record;
mod render;
mod review;
mod words;

pub use answer::{About, Answer, Asked, Decision, refuse};
pub use decide::decide;
pub use kinds::{KINDS, Kind};
pub use patch::{change, difference, pin};
pub use read::{MAX_IMAGES, MAX_REVIEW, read};
pub use record::{
    Decided, Given, Head, KnownBy, KnownImage, Line, MAX_LINE, RECORD_VERSION, RecordError, Recorded, RecordedRoad,
    Why, is_ground, is_image, read_line,
};
pub use render::render;
pub use review::{
    AdmissionVersion, Container, ContainerKind, Envelope, NamedImage, Operation, Review, ReviewError, Road,
};
