//! What a Kubernetes cluster knows: pull secrets, service accounts, the images that run, and, where they are asked for, all
//! objects of some kinds, followed as they change. In: how to reach its API server. Out: credentials, names and objects. What
//! it does not do: write, or read anything else.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/>

pub mod access;
pub mod client;
pub mod error;
pub mod follow;
mod keep;
pub mod kubeconfig;
mod tls;

pub use access::{Access, Identity, Token};
pub use client::{Cluster, PodCredentials, RunningImage, RunningImages};
pub use error::ClusterError;
pub use follow::{Followed, Following, Objects, State, Unknown, Wanted};
