//! An object to the images in it. In: the object's JSON and the place of its pod spec. Out: the images with their
//! containers and pointers, and what else of the pod matters. What it does not do: validate the object, which the API
//! server does, or judge.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::MapAccess;

use crate::json::{self, Annotations, Fields, Items, Object, Scalar, Seen, Types};
use crate::review::{Container, ContainerKind};

/// One use of an image, its pointer still in parts.
#[derive(Debug)]
pub(crate) struct Use<'a> {
    pub kind: ContainerKind,
    pub name: Cow<'a, str>,
    pub image: Cow<'a, str>,
    index: usize,
}

/// What was read of an object.
#[derive(Debug)]
pub(crate) struct Seeing<'a> {
    types: Types,
    path: &'static [&'static str],
    pub api_version: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub generate_name: Cow<'a, str>,
    pub own_annotations: BTreeMap<String, String>,
    /// Of the object that holds the pod spec, when that is another.
    pub pod_annotations: BTreeMap<String, String>,
    /// How many keys of the path led to an object.
    pub reached: usize,
    pub pod: PodSpec<'a>,
}

/// What was read of a pod spec.
#[derive(Debug)]
pub(crate) struct PodSpec<'a> {
    types: Types,
    seen: Seen,
    pub uses: Vec<Use<'a>>,
    /// Whether there is a list of containers, without which a stranger's object is no pod spec.
    pub has_containers: bool,
    service_account: Cow<'a, str>,
    /// The key's name before it was renamed; the API server keeps both alike.
    service_account_before: Cow<'a, str>,
    pub pull_secrets: Vec<String>,
}

/// Reads the object with its pod spec at that place. Under lenient types only what no reader could agree on is an error.
pub(crate) fn look<'a>(
    text: &'a str,
    path: &'static [&'static str],
    types: Types,
) -> Result<Seeing<'a>, serde_json::Error> {
    let mut seeing = Seeing {
        types,
        path,
        api_version: Cow::Borrowed(""),
        kind: Cow::Borrowed(""),
        name: Cow::Borrowed(""),
        generate_name: Cow::Borrowed(""),
        own_annotations: BTreeMap::new(),
        pod_annotations: BTreeMap::new(),
        reached: 0,
        pod: PodSpec {
            types,
            seen: Seen::default(),
            uses: Vec::new(),
            has_containers: false,
            service_account: Cow::Borrowed(""),
            service_account_before: Cow::Borrowed(""),
            pull_secrets: Vec::new(),
        },
    };
    json::object(text, &mut Level { seeing: &mut seeing, depth: 0, seen: Seen::default() })?;
    Ok(seeing)
}

impl<'a> Seeing<'a> {
    /// The object's own name, or the start of one.
    pub fn full_name(&self) -> Option<String> {
        [&self.name, &self.generate_name].into_iter().find(|n| !n.is_empty()).map(|n| n.clone().into_owned())
    }

    /// The API group that the object says it is of.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Both sets of annotations; the pod's win.
    pub fn annotations(&mut self) -> BTreeMap<String, String> {
        let mut all = std::mem::take(&mut self.own_annotations);
        all.append(&mut self.pod_annotations);
        all
    }

    /// The container as the review names it.
    pub fn container(&self, of: &Use<'a>) -> Container {
        let mut pointer = String::with_capacity(48);
        for key in self.path {
            pointer.push('/');
            pointer.push_str(key);
        }
        // The keys have neither `~` nor `/`, so nothing needs an escape.
        let (list, image) = match of.kind {
            ContainerKind::Regular => ("containers", "image"),
            ContainerKind::Init => ("initContainers", "image"),
            ContainerKind::Ephemeral => ("ephemeralContainers", "image"),
            ContainerKind::Volume => ("volumes", "image/reference"),
        };
        pointer.push_str(&format!("/{list}/{}/{image}", of.index));
        Container { kind: of.kind, name: of.name.clone().into_owned(), pointer }
    }
}

impl PodSpec<'_> {
    pub fn service_account(&self) -> Option<String> {
        [&self.service_account, &self.service_account_before]
            .into_iter()
            .find(|n| !n.is_empty())
            .map(|n| n.clone().into_owned())
    }
}

/// An object on the way to the pod spec.
struct Level<'r, 'a> {
    seeing: &'r mut Seeing<'a>,
    depth: usize,
    seen: Seen,
}

impl<'de> Fields<'de> for Level<'_, 'de> {
    const WHAT: &'static str = "an object";

    fn types(&self) -> Types {
        self.seeing.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let left = self.seeing.path.len() - self.depth;
        match key {
            "apiVersion" if self.depth == 0 => {
                self.seen.once(0, key)?;
                self.seeing.api_version = text(self.seeing.types, map)?;
            }
            "kind" if self.depth == 0 => {
                self.seen.once(1, key)?;
                self.seeing.kind = text(self.seeing.types, map)?;
            }
            "metadata" if self.depth == 0 || left == 1 => {
                self.seen.once(2, key)?;
                let types = self.seeing.types;
                let mut metadata = Metadata { types, seen: Seen::default(), ..Metadata::default() };
                map.next_value_seed(Object(&mut metadata))?;
                if self.depth == 0 {
                    self.seeing.name = metadata.name;
                    self.seeing.generate_name = metadata.generate_name;
                    self.seeing.own_annotations = metadata.annotations;
                } else {
                    self.seeing.pod_annotations = metadata.annotations;
                }
            }
            _ if left == 0 => return self.seeing.pod.field(key, map),
            _ if self.seeing.path.get(self.depth).is_some_and(|wanted| *wanted == key) => {
                self.seen.once(3, key)?;
                let there = if left == 1 {
                    map.next_value_seed(Object(&mut self.seeing.pod))?
                } else {
                    let mut next = Level { seeing: &mut *self.seeing, depth: self.depth + 1, seen: Seen::default() };
                    map.next_value_seed(Object(&mut next))?
                };
                if there {
                    self.seeing.reached = self.seeing.reached.max(self.depth + 1);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A text; under lenient types whatever else counts as none.
fn text<'de, A: MapAccess<'de>>(types: Types, map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    let value: Scalar<'de> = map.next_value()?;
    match (types, value) {
        (Types::Lenient, Scalar::Other(_)) => Ok(Cow::Borrowed("")),
        (_, value) => value.text(),
    }
}

struct Metadata<'a> {
    types: Types,
    seen: Seen,
    name: Cow<'a, str>,
    generate_name: Cow<'a, str>,
    annotations: BTreeMap<String, String>,
}

impl Default for Metadata<'_> {
    fn default() -> Self {
        Metadata {
            types: Types::Strict,
            seen: Seen::default(),
            name: Cow::Borrowed(""),
            generate_name: Cow::Borrowed(""),
            annotations: BTreeMap::new(),
        }
    }
}

impl<'de> Fields<'de> for Metadata<'de> {
    const WHAT: &'static str = "an object's metadata";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => {
                self.seen.once(0, key)?;
                self.name = text(self.types, map)?;
            }
            "generateName" => {
                self.seen.once(1, key)?;
                self.generate_name = text(self.types, map)?;
            }
            "annotations" => {
                self.seen.once(2, key)?;
                let mut read = Annotations::new(self.types);
                map.next_value_seed(Object(&mut read))?;
                self.annotations = read.map;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> Fields<'de> for PodSpec<'de> {
    const WHAT: &'static str = "a pod spec";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "containers" => {
                self.seen.once(0, key)?;
                self.has_containers = self.containers(ContainerKind::Regular, "a list of containers", map)?;
            }
            "initContainers" => {
                self.seen.once(1, key)?;
                self.containers(ContainerKind::Init, "a list of init containers", map)?;
            }
            "ephemeralContainers" => {
                self.seen.once(2, key)?;
                self.containers(ContainerKind::Ephemeral, "a list of ephemeral containers", map)?;
            }
            "volumes" => {
                self.seen.once(3, key)?;
                let (types, uses) = (self.types, &mut self.uses);
                map.next_value_seed(Items {
                    what: "a list of volumes",
                    types,
                    make: || Volume { types, seen: Seen::default(), name: Cow::Borrowed(""), image: None },
                    take: |index, volume: Volume<'de>| {
                        if let Some(image) = volume.image.and_then(|reference| wanted(types, reference)) {
                            uses.push(Use { kind: ContainerKind::Volume, name: volume.name, image, index });
                        }
                    },
                })?;
            }
            "serviceAccountName" => {
                self.seen.once(4, key)?;
                self.service_account = text(self.types, map)?;
            }
            "serviceAccount" => {
                self.seen.once(5, key)?;
                self.service_account_before = text(self.types, map)?;
            }
            "imagePullSecrets" => {
                self.seen.once(6, key)?;
                let (types, secrets) = (self.types, &mut self.pull_secrets);
                map.next_value_seed(Items {
                    what: "a list of pull secrets",
                    types,
                    make: || Named { types, seen: Seen::default(), name: Cow::Borrowed("") },
                    // One without a name counts: a pod that has it gets none from its service account.
                    take: |_, secret: Named<'de>| secrets.push(secret.name.into_owned()),
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> PodSpec<'de> {
    fn containers<A: MapAccess<'de>>(
        &mut self,
        kind: ContainerKind,
        what: &'static str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        let (types, uses) = (self.types, &mut self.uses);
        map.next_value_seed(Items {
            what,
            types,
            make: || OneContainer { types, seen: Seen::default(), name: Cow::Borrowed(""), image: Scalar::Null },
            take: |index, container: OneContainer<'de>| {
                if let Some(image) = wanted(types, container.image) {
                    uses.push(Use { kind, name: container.name, image, index });
                }
            },
        })
    }
}

/// The image's text. Where the kind is known a missing one is an image without a name, for nobody can say that it is fine;
/// in a stranger's object it is not an image.
fn wanted<'a>(types: Types, image: Scalar<'a>) -> Option<Cow<'a, str>> {
    match image {
        Scalar::Text(text) if types == Types::Strict || !text.is_empty() => Some(text),
        Scalar::Text(_) | Scalar::Other(_) => None,
        Scalar::Null => (types == Types::Strict).then_some(Cow::Borrowed("")),
    }
}

/// A scalar that must be a text or nothing when types are strict.
fn checked<'de, A: MapAccess<'de>>(types: Types, map: &mut A) -> Result<Scalar<'de>, A::Error> {
    let value: Scalar<'de> = map.next_value()?;
    match (types, value) {
        (Types::Strict, other @ Scalar::Other(_)) => other.text().map(Scalar::Text),
        (_, value) => Ok(value),
    }
}

struct OneContainer<'a> {
    types: Types,
    seen: Seen,
    name: Cow<'a, str>,
    image: Scalar<'a>,
}

impl<'de> Fields<'de> for OneContainer<'de> {
    const WHAT: &'static str = "a container";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => {
                self.seen.once(0, key)?;
                self.name = text(self.types, map)?;
            }
            "image" => {
                self.seen.once(1, key)?;
                self.image = checked(self.types, map)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct Volume<'a> {
    types: Types,
    seen: Seen,
    name: Cow<'a, str>,
    /// The reference, when the volume is an image's.
    image: Option<Scalar<'a>>,
}

impl<'de> Fields<'de> for Volume<'de> {
    const WHAT: &'static str = "a volume";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => {
                self.seen.once(0, key)?;
                self.name = text(self.types, map)?;
            }
            "image" => {
                self.seen.once(1, key)?;
                let mut source = ImageSource { types: self.types, seen: Seen::default(), reference: Scalar::Null };
                if map.next_value_seed(Object(&mut source))? {
                    self.image = Some(source.reference);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct ImageSource<'a> {
    types: Types,
    seen: Seen,
    reference: Scalar<'a>,
}

impl<'de> Fields<'de> for ImageSource<'de> {
    const WHAT: &'static str = "an image volume";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "reference" {
            return Ok(false);
        }
        self.seen.once(0, key)?;
        self.reference = checked(self.types, map)?;
        Ok(true)
    }
}

struct Named<'a> {
    types: Types,
    seen: Seen,
    name: Cow<'a, str>,
}

impl<'de> Fields<'de> for Named<'de> {
    const WHAT: &'static str = "a name";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "name" {
            return Ok(false);
        }
        self.seen.once(0, key)?;
        self.name = text(self.types, map)?;
        Ok(true)
    }
}
