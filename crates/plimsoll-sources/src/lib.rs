//! References to manifests and layers: registries, layouts, archives, engines, folders.
