//! Lines of a record of reviews: read, written, read again, and their reviews answered as others are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_admission::{Line, read_line};

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        match read_line(line) {
            Ok(read) => {
                let text = serde_json::to_vec(&read).expect("what was read can be written");
                read_line(&text).expect("what was written can be read");
                if let Line::Review(review) = &read {
                    plimsoll_fuzz::review::answered(review.review.get().as_bytes());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
