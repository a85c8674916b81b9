//! Archives of images: the tar that holds a layout or a docker save, gzip around it, and opening the image in it.
#![no_main]

use std::io::{Read, Seek, Write};

use libfuzzer_sys::fuzz_target;
use plimsoll_sources::InputOptions;
use plimsoll_sources::local::input::open_archive;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    plimsoll_fuzz::mend::tar(&mut bytes);
    // Memory, not a disk, where there is such a folder.
    let folder = std::path::Path::new("/dev/shm");
    let file = if folder.is_dir() { tempfile::tempfile_in(folder) } else { tempfile::tempfile() };
    let Ok(mut file) = file else { return };
    if file.write_all(&bytes).and_then(|()| file.rewind()).is_err() {
        return;
    }
    if let Ok(image) = open_archive("it", file, None, &InputOptions::default()) {
        for layer in image.layers {
            if let Ok(reader) = (layer.open)() {
                let _ = std::io::copy(&mut reader.take(1 << 20), &mut std::io::sink());
            }
        }
    }
});
