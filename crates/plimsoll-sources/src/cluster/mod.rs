//! What a Kubernetes cluster knows about pulling: pull secrets, service accounts, the images that run. In: how to reach
//! its API server. Out: credentials and names. What it does not do: watch, write, or read anything else.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/>

pub mod access;
pub mod client;
pub mod error;
mod keep;
pub mod kubeconfig;
mod tls;

pub use access::{Access, Identity, Token};
pub use client::{Cluster, PodCredentials, RunningImage, RunningImages};
pub use error::ClusterError;
