//! os-release and its elder cousins, build information of Red Hat included.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::distro::{EVIDENCE, Files, detect};

/// Files parted by `\0`, each the number of its path and its bytes.
struct Given<'a>(Vec<(&'static str, &'a [u8])>);

const BUILD: [&str; 3] =
    ["root/buildinfo/content_manifests/x.json", "root/buildinfo/Dockerfile-ubi8-8.4-1", "usr/share/buildinfo/y.json"];

impl Files for Given<'_> {
    fn file(&self, path: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, bytes)| *bytes)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let known = self.0.iter().filter_map(|(path, _)| path.rsplit_once('/'));
        known.filter(|(of, _)| *of == folder).map(|(_, name)| name.to_owned()).collect()
    }
}

fuzz_target!(|data: &[u8]| {
    let paths: Vec<&'static str> = EVIDENCE.iter().chain(&BUILD).copied().collect();
    let given = data.split(|byte| *byte == 0).filter_map(|file| {
        let (which, bytes) = file.split_first()?;
        Some((paths[usize::from(which.wrapping_sub(b'a')) % paths.len()], bytes))
    });
    let (distro, problems) = detect(&Given(given.collect()));
    plimsoll_fuzz::told(data.len(), &[], &problems);
    let _ = distro.map(|distro| distro.to_string());
});
