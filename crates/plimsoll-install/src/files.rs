//! Files as values. What it does not do: write them.

/// A file to be written, its path relative to the chosen folder, with `/` between the parts.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
    /// Holds a private key: nobody but its owner may read it.
    pub private: bool,
    /// To be run.
    pub program: bool,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys are not for logs.
        f.debug_struct("File").field("path", &self.path).field("bytes", &self.bytes.len()).finish()
    }
}

impl File {
    pub(crate) fn public(path: impl Into<String>, text: impl Into<Vec<u8>>) -> File {
        File { path: path.into(), bytes: text.into(), private: false, program: false }
    }

    pub(crate) fn private(path: impl Into<String>, text: impl Into<Vec<u8>>) -> File {
        File { private: true, ..File::public(path, text) }
    }
}

/// True for names of files that `check` can read something from; others in a folder are passed over.
pub fn readable_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".yaml", ".yml", ".json", ".pem", ".crt", ".cer", ".key", ".conf", ".kubeconfig", ".service", ".flags", ".txt"]
        .iter()
        .any(|end| lower.ends_with(end))
        || matches!(lower.as_str(), "kubeconf" | "kubeconfig" | "config")
}
