//! Bytes to a review. In: a body and the road it came by. Out: the images to judge, or why there is no telling. What it
//! does not do: look further into the object than its pod spec.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::json::{self, Annotations, Fields, Items, Object, Scalar, Seen, Text, Texts, Types};
use crate::kinds::{self, Kind, PLACES};
use crate::object::{Seeing, look};
use crate::review::{
    AdmissionVersion, Container, ContainerKind, Envelope, NamedImage, Operation, Review, ReviewError, Road,
};
use crate::words;

/// The largest review that is read. A label's update of an object of 1 MiB is a review of 2 MiB; the API server keeps
/// none larger than 1.5 MiB, and escapes may take several times that.
pub const MAX_REVIEW: usize = 8 << 20;

/// Different images that one review may ask us to judge. Each may cost a download, and a pod or job that mixes hundreds is
/// not one that people write; a bound keeps one request from occupying the gate.
pub const MAX_IMAGES: usize = 256;

const IMAGE_REVIEW: &str = "imagepolicy.k8s.io/v1alpha1";

/// Reads a review that came by that road. Whatever two readers could take for two different things is refused.
pub fn read(road: Road, bytes: &[u8]) -> Result<Review, ReviewError> {
    let bare = |why: String| ReviewError { envelope: fallback(road, None), why };
    if bytes.len() > MAX_REVIEW {
        return Err(bare(format!("the review has {} bytes, and at most {MAX_REVIEW} are read", bytes.len())));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(bare("the body is empty, and a review was expected".into()));
    }
    // Checked as a whole, because parts that are skipped would not be.
    let json = std::str::from_utf8(bytes)
        .map_err(|e| bare(format!("the review is not UTF-8 from byte {}", e.valid_up_to())))?;
    let refused = |why: String| ReviewError { envelope: fallback(road, Some(json)), why };
    let mut top = Top::default();
    let there = json::object(json, &mut top).map_err(|error| refused(could_not("read the review", &error)))?;
    if !there {
        return Err(refused("could not read the review: it is null".into()));
    }
    let (kind, version) = (&*top.kind.0, &*top.api_version.0);
    match kind {
        "ImageReview" => {
            if matches!(road, Road::Validate | Road::Mutate) {
                return Err(refused(
                    "an ImageReview came where AdmissionReviews are answered: the ImagePolicyWebhook must point to the \
                     address for image reviews (/image_policy)"
                        .into(),
                ));
            }
            if version != IMAGE_REVIEW {
                return Err(refused(unknown_version(version, kind, IMAGE_REVIEW)));
            }
            image_review(top.spec).map_err(|why| ReviewError { envelope: Some(Envelope::ImageReview), why })
        }
        "AdmissionReview" => {
            if road == Road::ImagePolicy {
                return Err(refused(
                    "an AdmissionReview came where ImageReviews are answered: the webhook configuration must point to \
                     the address for validating or mutating webhooks (/validate, /mutate)"
                        .into(),
                ));
            }
            let Some(version) = admission_version(version) else {
                let known = "admission.k8s.io/v1 and admission.k8s.io/v1beta1";
                return Err(refused(unknown_version(version, kind, known)));
            };
            admission_review(version, road == Road::Mutate, top.request, json)
        }
        _ => {
            let came = if kind.is_empty() {
                "the review does not say its kind".to_owned()
            } else {
                format!("the review is of kind \"{}\"", words::name(kind))
            };
            let known = match road {
                Road::ImagePolicy => "ImageReview",
                Road::Validate | Road::Mutate => "AdmissionReview",
                Road::Any => "ImageReview and AdmissionReview",
            };
            Err(refused(format!("{came}; known here: {known}")))
        }
    }
}

fn unknown_version(version: &str, kind: &str, known: &str) -> String {
    if version.is_empty() {
        return format!("the {kind} does not say its apiVersion; known: {known}");
    }
    format!("the {kind} has apiVersion \"{}\"; known: {known}", words::name(version))
}

fn admission_version(api_version: &str) -> Option<AdmissionVersion> {
    [AdmissionVersion::V1, AdmissionVersion::V1beta1].into_iter().find(|v| v.api_version() == api_version)
}

/// `could not …` in words, with the place that serde_json gives.
fn could_not(doing: &str, error: &serde_json::Error) -> String {
    format!("could not {doing}: {}", words::sentence(&error.to_string(), 300))
}

/// Either review, its parts still raw or flat. Read by hand rather than derived, because derived readers take a list for
/// an object.
#[derive(Default)]
struct Top<'a> {
    seen: Seen,
    api_version: Text<'a>,
    kind: Text<'a>,
    request: Option<Request<'a>>,
    spec: Option<&'a RawValue>,
}

impl<'de> Fields<'de> for Top<'de> {
    const WHAT: &'static str = "a review";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "apiVersion" => {
                self.seen.once(0, key)?;
                self.api_version = map.next_value()?;
            }
            "kind" => {
                self.seen.once(1, key)?;
                self.kind = map.next_value()?;
            }
            "request" => {
                self.seen.once(2, key)?;
                let mut request = Request::default();
                self.request = map.next_value_seed(Object(&mut request))?.then_some(request);
            }
            "spec" => {
                self.seen.once(3, key)?;
                self.spec = map.next_value()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Request<'a> {
    seen: Seen,
    uid: Text<'a>,
    kind: GroupKind<'a>,
    sub_resource: Text<'a>,
    name: Text<'a>,
    namespace: Text<'a>,
    operation: Text<'a>,
    user: UserInfo,
    object: Option<&'a RawValue>,
    old_object: Option<&'a RawValue>,
    dry_run: bool,
}

impl<'de> Fields<'de> for Request<'de> {
    const WHAT: &'static str = "the request of an AdmissionReview";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let (bit, text) = match key {
            "uid" => (0, &mut self.uid),
            "subResource" => (1, &mut self.sub_resource),
            "name" => (2, &mut self.name),
            "namespace" => (3, &mut self.namespace),
            "operation" => (4, &mut self.operation),
            "kind" => {
                self.seen.once(5, key)?;
                map.next_value_seed(Object(&mut self.kind))?;
                return Ok(true);
            }
            "userInfo" => {
                self.seen.once(6, key)?;
                map.next_value_seed(Object(&mut self.user))?;
                return Ok(true);
            }
            "object" => {
                self.seen.once(7, key)?;
                self.object = map.next_value()?;
                return Ok(true);
            }
            "oldObject" => {
                self.seen.once(8, key)?;
                self.old_object = map.next_value()?;
                return Ok(true);
            }
            "dryRun" => {
                self.seen.once(9, key)?;
                self.dry_run = map.next_value::<Option<bool>>()?.unwrap_or(false);
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.seen.once(bit, key)?;
        *text = map.next_value()?;
        Ok(true)
    }
}

#[derive(Default)]
struct GroupKind<'a> {
    seen: Seen,
    group: Text<'a>,
    kind: Text<'a>,
}

impl<'de> Fields<'de> for GroupKind<'de> {
    const WHAT: &'static str = "a group and kind";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let (bit, text) = match key {
            "group" => (0, &mut self.group),
            "kind" => (1, &mut self.kind),
            _ => return Ok(false),
        };
        self.seen.once(bit, key)?;
        *text = map.next_value()?;
        Ok(true)
    }
}

#[derive(Default)]
struct UserInfo {
    seen: Seen,
    name: Option<String>,
    groups: Vec<String>,
}

impl<'de> Fields<'de> for UserInfo {
    const WHAT: &'static str = "a user";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "username" => {
                self.seen.once(0, key)?;
                self.name = map.next_value::<Text<'de>>()?.some();
            }
            "groups" => {
                self.seen.once(1, key)?;
                self.groups = map.next_value_seed(Texts)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What an answer can be put into when the review could not be read as a whole. On the road of image reviews that is
/// always an image review: whatever else would be an error of ours, which `defaultAllow` lets pass.
fn fallback(road: Road, json: Option<&str>) -> Option<Envelope> {
    let mut outline = Outline::default();
    let found = json.and_then(|json| json::object(json, &mut outline).ok()).and_then(|_| match &outline.kind {
        Scalar::Text(kind) if kind == "ImageReview" => Some(Envelope::ImageReview),
        Scalar::Text(kind) if kind == "AdmissionReview" => {
            let Scalar::Text(version) = &outline.api_version else { return None };
            let version = admission_version(version)?;
            let Scalar::Text(uid) = outline.uid.uid else { return None };
            let uid = Text(uid).some()?;
            Some(Envelope::Admission { version, uid, mutating: road == Road::Mutate })
        }
        _ => None,
    });
    found.or((road == Road::ImagePolicy).then_some(Envelope::ImageReview))
}

/// As little of a review as an envelope takes, whatever the rest is.
#[derive(Default)]
struct Outline<'a> {
    seen: Seen,
    api_version: Scalar<'a>,
    kind: Scalar<'a>,
    uid: Uid<'a>,
}

#[derive(Default)]
struct Uid<'a> {
    seen: Seen,
    uid: Scalar<'a>,
}

impl<'de> Fields<'de> for Outline<'de> {
    const WHAT: &'static str = "a review";

    fn types(&self) -> Types {
        Types::Lenient
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "apiVersion" => {
                self.seen.once(0, key)?;
                self.api_version = map.next_value()?;
            }
            "kind" => {
                self.seen.once(1, key)?;
                self.kind = map.next_value()?;
            }
            "request" => {
                self.seen.once(2, key)?;
                map.next_value_seed(Object(&mut self.uid))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> Fields<'de> for Uid<'de> {
    const WHAT: &'static str = "a request";

    fn types(&self) -> Types {
        Types::Lenient
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "uid" {
            return Ok(false);
        }
        self.seen.once(0, key)?;
        self.uid = map.next_value()?;
        Ok(true)
    }
}

/// `spec` of an `ImageReview`.
struct ImageSpec<'a> {
    seen: Seen,
    images: Vec<Cow<'a, str>>,
    annotations: BTreeMap<String, String>,
    namespace: Option<String>,
}

impl<'de> Fields<'de> for ImageSpec<'de> {
    const WHAT: &'static str = "the spec of an ImageReview";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "containers" => {
                self.seen.once(0, key)?;
                let images = &mut self.images;
                map.next_value_seed(Items {
                    what: "a list of containers",
                    types: Types::Strict,
                    make: || ImageOnly { seen: Seen::default(), image: Cow::Borrowed("") },
                    take: |_, container: ImageOnly<'de>| images.push(container.image),
                })?;
            }
            "annotations" => {
                self.seen.once(1, key)?;
                let mut read = Annotations::new(Types::Strict);
                map.next_value_seed(Object(&mut read))?;
                self.annotations = read.map;
            }
            "namespace" => {
                self.seen.once(2, key)?;
                self.namespace = map.next_value::<Text<'de>>()?.some();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct ImageOnly<'a> {
    seen: Seen,
    image: Cow<'a, str>,
}

impl<'de> Fields<'de> for ImageOnly<'de> {
    const WHAT: &'static str = "a container";

    fn types(&self) -> Types {
        Types::Strict
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "image" {
            return Ok(false);
        }
        self.seen.once(0, key)?;
        self.image = map.next_value::<Text<'de>>()?.0;
        Ok(true)
    }
}

/// The longest name of a namespace that is read. Kubernetes' own have 63 characters; the name becomes part of keys that
/// are kept, so a longer one must not come in.
const MAX_NAMESPACE: usize = 253;

fn namespace(name: Option<String>) -> Result<Option<String>, String> {
    match &name {
        Some(long) if long.len() > MAX_NAMESPACE => {
            Err(format!("the namespace's name has {} bytes; at most {MAX_NAMESPACE} are read", long.len()))
        }
        _ => Ok(name),
    }
}

fn image_review(spec: Option<&RawValue>) -> Result<Review, String> {
    let mut read =
        ImageSpec { seen: Seen::default(), images: Vec::new(), annotations: BTreeMap::new(), namespace: None };
    let spec = spec.ok_or("the ImageReview has no spec")?;
    json::object(spec.get(), &mut read).map_err(|error| could_not("read the spec of the ImageReview", &error))?;
    // Nothing judged is nothing known. The API server asks about pods, and those have containers.
    if read.images.is_empty() {
        return Err("the ImageReview names no image: spec.containers is empty".into());
    }
    let mut review = Review::empty(Envelope::ImageReview);
    review.namespace = namespace(read.namespace)?;
    review.annotations = read.annotations;
    let mut images = Images::default();
    for image in read.images {
        images.add(image, || Container {
            kind: ContainerKind::Regular,
            name: String::new(),
            pointer: String::new(),
        })?;
    }
    review.images = images.list;
    Ok(review)
}

/// Images by text, in order of first use.
#[derive(Default)]
struct Images<'a> {
    at: HashMap<Cow<'a, str>, usize>,
    list: Vec<NamedImage>,
}

impl<'a> Images<'a> {
    fn add(&mut self, image: Cow<'a, str>, container: impl FnOnce() -> Container) -> Result<(), String> {
        if let Some(known) = self.at.get(&image).and_then(|at| self.list.get_mut(*at)) {
            known.containers.push(container());
            return Ok(());
        }
        if self.list.len() >= MAX_IMAGES {
            return Err(format!(
                "the review asks for more than {MAX_IMAGES} different images: ask for fewer at a time"
            ));
        }
        self.list.push(NamedImage { image: image.clone().into_owned(), containers: vec![container()] });
        self.at.insert(image, self.list.len() - 1);
        Ok(())
    }
}

fn admission_review(
    version: AdmissionVersion,
    mutating: bool,
    request: Option<Request<'_>>,
    json: &str,
) -> Result<Review, ReviewError> {
    let Some(request) = request else {
        return Err(ReviewError { envelope: None, why: "the AdmissionReview has no request".into() });
    };
    let Some(uid) = request.uid.some() else {
        // Without one no answer is valid.
        return Err(ReviewError { envelope: None, why: "the request of the AdmissionReview has no uid".into() });
    };
    let mut review = Review::empty(Envelope::Admission { version, uid, mutating });
    match fill(&mut review, request, json) {
        Ok(()) => Ok(review),
        Err(why) => Err(ReviewError { envelope: Some(review.envelope), why }),
    }
}

fn fill(review: &mut Review, request: Request<'_>, json: &str) -> Result<(), String> {
    let (group, kind) = (&*request.kind.group.0, &*request.kind.kind.0);
    if kind.is_empty() {
        return Err("the request does not say the kind of its object".into());
    }
    review.resource = kinds::full(group, kind);
    review.subresource = request.sub_resource.some();
    review.namespace = namespace(request.namespace.some())?;
    review.name = request.name.some();
    review.dry_run = request.dry_run;
    review.user = request.user.name;
    review.groups = request.user.groups;
    review.operation = match &*request.operation.0 {
        "" => None,
        "CREATE" => Some(Operation::Create),
        "UPDATE" => Some(Operation::Update),
        "DELETE" => Some(Operation::Delete),
        "CONNECT" => Some(Operation::Connect),
        other => {
            return Err(format!(
                "the request's operation is \"{}\"; known: CREATE, UPDATE, DELETE and CONNECT",
                words::name(other)
            ));
        }
    };
    // What goes away brings nothing in, and what is connected to runs already.
    if matches!(review.operation, Some(Operation::Delete | Operation::Connect)) {
        return Ok(());
    }
    let known = kinds::known(group, kind);
    review.is_pod = known.is_some_and(|k| k.group.is_empty() && k.kind == "Pod");
    let Some(object) = request.object else {
        return match known {
            Some(_) => Err(format!("the request has no object, and a {} was expected", words::name(&review.resource))),
            None => Ok(()),
        };
    };
    let old = request.old_object.filter(|_| review.operation == Some(Operation::Update)).map(RawValue::get);
    review.object = place(json, object.get());
    review.old_object = old.and_then(|old| place(json, old));
    match known {
        Some(known) => of_known(review, known, object.get(), old),
        None => of_stranger(review, group, kind, object.get(), old),
    }
}

/// Where a part of the review's text stands in it.
fn place(json: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
    let place = start..start.checked_add(part.len())?;
    json.get(place.clone()).is_some_and(|found| std::ptr::eq(found, part)).then_some(place)
}

/// The object must be of the kind that the request names, as far as it says.
fn same_kind(seeing: &Seeing<'_>, group: &str, kind: &str) -> Result<(), String> {
    let other_kind = !seeing.kind.is_empty() && seeing.kind != kind;
    let other_group = !seeing.api_version.is_empty() && seeing.group() != group;
    if other_kind || other_group {
        let is = if seeing.kind.is_empty() { kind } else { &seeing.kind };
        let is_group = if seeing.api_version.is_empty() { group } else { seeing.group() };
        return Err(format!(
            "the request speaks of a {}, and its object is a {}",
            words::name(&kinds::full(group, kind)),
            words::name(&kinds::full(is_group, is))
        ));
    }
    Ok(())
}

fn of_known(review: &mut Review, kind: &'static Kind, object: &str, old: Option<&str>) -> Result<(), String> {
    let mut seeing = look(object, kind.path, Types::Strict)
        .map_err(|error| could_not(&format!("read the {}", review.resource), &error))?;
    same_kind(&seeing, kind.group, kind.kind)?;
    about_object(review, &mut seeing);
    if seeing.reached < kind.path.len() {
        // `spec`, `spec.template`, and only then the pod's own.
        if kind.bare && seeing.reached < 2 {
            return Ok(());
        }
        return Err(format!("the {} has no pod spec: {} is missing", review.resource, kind.path.join(".")));
    }
    // An old object that cannot be read excuses nothing: every image is judged.
    let old = old
        .filter(|_| !seeing.pod.uses.is_empty())
        .and_then(|old| look(old, kind.path, Types::Strict).ok())
        .filter(|old| same_kind(old, kind.group, kind.kind).is_ok());
    let before = old.iter().flat_map(|old| &old.pod.uses).map(|u| &*u.image).collect();
    take(review, &[seeing], &before)
}

/// Objects of kinds that we do not know, custom resources above all. Whoever turns them into pods will ask again; so what
/// looks like a pod spec is judged early, and what does not is none of ours.
fn of_stranger(review: &mut Review, group: &str, kind: &str, object: &str, old: Option<&str>) -> Result<(), String> {
    let mut found = Vec::new();
    for (i, path) in PLACES.iter().enumerate() {
        let mut seeing = look(object, path, Types::Lenient)
            .map_err(|error| could_not(&format!("read the {}", words::name(&review.resource)), &error))?;
        if i == 0 {
            same_kind(&seeing, group, kind)?;
            review.name = review.name.take().or_else(|| seeing.full_name());
        }
        if seeing.pod.has_containers {
            about_object(review, &mut seeing);
            found.push(seeing);
        }
    }
    let old: Vec<Seeing<'_>> = match old.filter(|_| found.iter().any(|f| !f.pod.uses.is_empty())) {
        Some(old) => PLACES.iter().filter_map(|path| look(old, path, Types::Lenient).ok()).collect(),
        None => Vec::new(),
    };
    let before = old
        .iter()
        .filter(|old| old.pod.has_containers && same_kind(old, group, kind).is_ok())
        .flat_map(|old| &old.pod.uses)
        .map(|u| &*u.image)
        .collect();
    take(review, &found, &before)
}

/// Names, annotations and credentials.
fn about_object(review: &mut Review, seeing: &mut Seeing<'_>) {
    review.name = review.name.take().or_else(|| seeing.full_name());
    for (key, value) in seeing.annotations() {
        review.annotations.entry(key).or_insert(value);
    }
    review.service_account = review.service_account.take().or_else(|| seeing.pod.service_account());
    review.pull_secrets.append(&mut seeing.pod.pull_secrets);
}

/// Sorts what is to be judged from what an update leaves as it was. An image without a name is never as it was.
fn take(review: &mut Review, found: &[Seeing<'_>], before: &HashSet<&str>) -> Result<(), String> {
    let mut images = Images::default();
    let mut unchanged: HashSet<&str> = HashSet::new();
    for seeing in found {
        for one in &seeing.pod.uses {
            if !one.image.is_empty() && before.contains(&*one.image) {
                unchanged.insert(&one.image);
            } else {
                images.add(Cow::Borrowed(&*one.image), || seeing.container(one))?;
            }
        }
    }
    review.unchanged = unchanged.len();
    review.images = images.list;
    Ok(())
}
