//! A review in our words: who asks, about what, and which images it would bring in.

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;

/// Where a review came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Road {
    /// `ImageReview` only.
    ImagePolicy,
    /// `AdmissionReview` only; the answer changes nothing.
    Validate,
    /// `AdmissionReview` only; the answer may carry a patch.
    Mutate,
    /// Either, told apart by `kind`; the answer changes nothing.
    Any,
}

/// A version of `admission.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionVersion {
    V1,
    V1beta1,
}

impl AdmissionVersion {
    /// As `apiVersion` has it.
    pub fn api_version(self) -> &'static str {
        match self {
            AdmissionVersion::V1 => "admission.k8s.io/v1",
            AdmissionVersion::V1beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

/// What an answer must be put into, so that whoever asked understands it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Envelope {
    ImageReview,
    Admission { version: AdmissionVersion, uid: String, mutating: bool },
}

impl Envelope {
    /// Whether the answer may carry a patch.
    pub fn mutating(&self) -> bool {
        matches!(self, Envelope::Admission { mutating: true, .. })
    }
}

/// What is about to happen to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// As the API server writes it.
    pub fn word(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }
}

/// One question of the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub envelope: Envelope,
    /// Where it is to run; none for what has no namespace.
    pub namespace: Option<String>,
    /// Who asks. An `ImageReview` never says.
    pub user: Option<String>,
    pub groups: Vec<String>,
    /// None in an `ImageReview`, and where an `AdmissionReview` left it out: then every image is judged.
    pub operation: Option<Operation>,
    /// `Pod`, `Deployment.apps`: the object's kind, for words and logs. Empty in an `ImageReview`.
    pub resource: String,
    /// `status`, `ephemeralcontainers`.
    pub subresource: Option<String>,
    /// The object's name, or the start of one that is yet to be made.
    pub name: Option<String>,
    /// Nothing will be kept.
    pub dry_run: bool,
    /// Of the pod that is to run, and of the object that makes it; where both have a key the pod's holds. An
    /// `ImageReview` has only those whose keys contain `.image-policy.k8s.io/`.
    pub annotations: BTreeMap<String, String>,
    /// To be judged: each text once, in order of first use, without those that an update leaves as they are.
    pub images: Vec<NamedImage>,
    /// How many more images there are that the object named before this update.
    pub unchanged: usize,
    /// Where the object's JSON stands in the review's bytes, for whoever judges more of it than its images. None in an
    /// `ImageReview`, and for what goes away.
    pub object: Option<Range<usize>>,
    /// The same of what an update replaces.
    pub old_object: Option<Range<usize>>,
    /// Only pods are pinned: a template that says a tag means the tag.
    pub is_pod: bool,
    /// The pod's service account; none when it left that to the cluster.
    pub service_account: Option<String>,
    /// Names of the pod's own pull secrets.
    pub pull_secrets: Vec<String>,
}

impl Review {
    /// A review about which nothing is known yet.
    pub(crate) fn empty(envelope: Envelope) -> Review {
        Review {
            envelope,
            namespace: None,
            user: None,
            groups: Vec::new(),
            operation: None,
            resource: String::new(),
            subresource: None,
            name: None,
            dry_run: false,
            annotations: BTreeMap::new(),
            images: Vec::new(),
            unchanged: 0,
            object: None,
            old_object: None,
            is_pod: false,
            service_account: None,
            pull_secrets: Vec::new(),
        }
    }

    /// About how many bytes it holds: a small part of most reviews, and more than all of a hostile one.
    pub fn size(&self) -> usize {
        let container = |c: &Container| size_of::<Container>() + c.name.len() + c.pointer.len();
        let image = |i: &NamedImage| {
            size_of::<NamedImage>() + i.image.len() + i.containers.iter().map(container).sum::<usize>()
        };
        let texts = |texts: &[String]| texts.iter().map(|text| size_of::<String>() + text.len()).sum::<usize>();
        // An entry of a map has two texts, and the map some room to spare.
        let annotations = self.annotations.iter().map(|(key, value)| 3 * size_of::<String>() + key.len() + value.len());
        size_of::<Review>()
            + self.images.iter().map(image).sum::<usize>()
            + annotations.sum::<usize>()
            + texts(&self.groups)
            + texts(&self.pull_secrets)
            + [&self.namespace, &self.user, &self.name, &self.subresource, &self.service_account]
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>()
            + self.resource.len()
            + match &self.envelope {
                Envelope::Admission { uid, .. } => uid.len(),
                Envelope::ImageReview => 0,
            }
    }
}

/// An image as it was written, and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// The user's own spelling; empty where a container names none, which nobody can judge as fine.
    pub image: String,
    /// Never empty.
    pub containers: Vec<Container>,
}

/// What kind of thing brings an image in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerKind {
    Regular,
    Init,
    Ephemeral,
    /// A volume whose content is an image's.
    Volume,
}

impl ContainerKind {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            ContainerKind::Regular => "container",
            ContainerKind::Init => "init container",
            ContainerKind::Ephemeral => "ephemeral container",
            ContainerKind::Volume => "image volume",
        }
    }
}

/// One use of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub kind: ContainerKind,
    /// Empty in an `ImageReview`.
    pub name: String,
    /// JSON pointer (RFC 6901) of the image's text in the object; empty in an `ImageReview`.
    pub pointer: String,
}

/// A review that cannot be answered on its merits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct ReviewError {
    /// As much as could be read, so that a denial can be formed that the asker understands.
    pub envelope: Option<Envelope>,
    /// A sentence without a full stop.
    pub why: String,
}
