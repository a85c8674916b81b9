//! One binary of tests, so that they link once.
