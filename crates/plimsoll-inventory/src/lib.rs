//! Layers to files to packages: reads what is in an image, a folder or an SBOM.
