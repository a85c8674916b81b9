//! VEX: somebody's word that a product is or is not affected. In: OpenVEX, CSAF and CycloneDX documents, read by the
//! policy crate. Out: one statement shape. What it does not do: decide whom to believe.

use serde::{Deserialize, Serialize};

/// The four statuses that all VEX formats share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

/// One statement: a vulnerability, the products it is about, a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VexStatement {
    /// The vulnerability's ids, aliases included.
    pub ids: Vec<String>,
    /// Package URLs or image names of the products; empty = the document's product.
    pub products: Vec<String>,
    /// Package URLs of the parts of the product that it is about; empty = the product itself.
    pub subcomponents: Vec<String>,
    pub status: VexStatus,
    /// Justification and impact statement, joined.
    pub justification: String,
    /// File name of the document.
    pub document: String,
}
