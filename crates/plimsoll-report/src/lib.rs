//! Verdicts and inventories to bytes, one file per format.
