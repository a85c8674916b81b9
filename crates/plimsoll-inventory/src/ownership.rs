//! Which operating-system package owns which language package. In: file lists of installed packages, places of language
//! packages. Out: owners' names. Paths are compared without links: on a merged /usr, lists still say `/lib/…`.

use std::collections::HashMap;

use plimsoll_model::Package;

use crate::languages::jar;

/// Folder links that are followed in lists, by how shallow they are: `lib`, `bin`, `usr/lib64`.
const MAX_LINK_DEPTH: usize = 2;
/// And how many: a plain image has under twenty.
const MAX_LINKS: usize = 64;

/// Places of language packages, to be looked up by the paths in lists.
#[derive(Debug, Default)]
pub struct Places {
    /// Path as a list may write it → indexes of packages.
    by_path: HashMap<String, Vec<usize>>,
}

impl Places {
    /// `links`: folder links of the squashed view and what they lead to, both without leading slash.
    pub fn new(packages: &[Package], links: &[(String, String)]) -> Places {
        let mut places = Places::default();
        for (i, package) in packages.iter().enumerate().filter(|(_, p)| !p.ecosystem.is_os()) {
            // A jar inside a jar belongs to whoever owns the outer one.
            let path = jar::outermost(&package.location.path);
            places.by_path.entry(path.to_owned()).or_default().push(i);
            for (link, target) in links {
                if let Some(rest) = path.strip_prefix(target.as_str()).filter(|rest| rest.starts_with('/')) {
                    places.by_path.entry(format!("{link}{rest}")).or_default().push(i);
                }
            }
        }
        places
    }

    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The packages at a path of a list.
    pub fn at(&self, path: &str) -> &[usize] {
        self.by_path.get(path).map_or(&[], Vec::as_slice)
    }
}

/// Whether a folder link is one that lists may go through.
pub fn follows(link: &str, so_far: usize) -> bool {
    so_far < MAX_LINKS && link.split('/').count() <= MAX_LINK_DEPTH
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Ecosystem, Location};

    use super::*;

    #[test]
    fn lists_that_go_through_a_merged_usr_find_the_file() {
        let mut package = Package::new(Ecosystem::Pypi, "python-dist", "x", "1");
        package.location = Location::path("usr/lib/python3/dist-packages/x.egg-info");
        let places = Places::new(&[package], &[("lib".into(), "usr/lib".into())]);
        assert_eq!(places.at("lib/python3/dist-packages/x.egg-info"), [0]);
        assert_eq!(places.at("usr/lib/python3/dist-packages/x.egg-info"), [0]);
        assert!(places.at("usr/lib/python3").is_empty());
    }
}
