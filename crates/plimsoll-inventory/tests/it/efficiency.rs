//! How much of what is shipped is seen: the score, the paths and who is to blame.

use plimsoll_inventory::{Efficiency, ListedKind, Options, efficiency};

use crate::build::{Tar, gzip, honest};

fn measured(layers: Vec<Tar>) -> Efficiency {
    let layers = layers.into_iter().map(Tar::end).map(|tar| honest(gzip(&tar), &tar)).collect();
    efficiency(None, layers, &Options::default(), &mut |_, _| {})
}

fn rows(measured: &Efficiency) -> Vec<(&str, usize, u64, u64)> {
    measured.repeated.iter().map(|row| (row.path.as_str(), row.count, row.size, row.smallest)).collect()
}

#[test]
fn file_written_twice_costs_all_but_its_smallest_copy() {
    let image =
        measured(vec![Tar::default().file("a", [0; 300]).file("b", [0; 500]), Tar::default().file("a", [0; 200])]);
    assert_eq!(rows(&image), [("a", 2, 500, 200)]);
    assert_eq!((image.total, image.repeated_bytes(), image.user_bytes()), (1000, 500, 200));
    assert!((image.score() - 0.7).abs() < 1e-9, "{}", image.score());
}

#[test]
fn whiteout_costs_what_it_hides() {
    let image =
        measured(vec![Tar::default().file("a", [0; 300]).file("b", [0; 700]), Tar::default().file(".wh.a", "")]);
    assert_eq!(rows(&image), [("a", 2, 300, 0)]);
    assert!((image.score() - 0.7).abs() < 1e-9, "{}", image.score());
}

#[test]
fn removed_folder_is_one_row_with_all_that_was_in_it() {
    for whiteout in [".wh.src", "src/.wh..wh..opq"] {
        let first = Tar::default().file("src/a", [0; 100]).file("src/deep/b", [0; 200]).file("c", [0; 100]);
        let image = measured(vec![first, Tar::default().file(whiteout, "")]);
        assert_eq!(rows(&image), [("src", 2, 300, 0)], "{whiteout}");
        assert!((image.score() - 0.25).abs() < 1e-9, "{}", image.score());
    }
}

#[test]
fn file_that_comes_back_after_its_removal_was_wasted_whole() {
    let image = measured(vec![
        Tar::default().file("a", [0; 100]),
        Tar::default().file(".wh.a", ""),
        Tar::default().file("a", [0; 100]),
    ]);
    assert_eq!(rows(&image), [("a", 3, 200, 0)]);
}

#[test]
fn file_that_became_a_link_has_no_bytes_left() {
    let image = measured(vec![Tar::default().file("a", [0; 100]).file("b", "x"), Tar::default().link("a", "b")]);
    assert_eq!(rows(&image), [("a", 2, 100, 0)]);
}

#[test]
fn blame_names_the_layer_that_wrote_and_the_one_that_hid() {
    let image = measured(vec![
        Tar::default().file("a", [0; 100]).file("b", [0; 50]),
        Tar::default().file("b", [0; 10]),
        Tar::default().file(".wh.a", ""),
    ]);
    let blame: Vec<_> = image.blame.iter().map(|b| (b.bytes, b.layer, b.hidden_by, b.removed)).collect();
    assert_eq!(blame, [(100, 0, 2, true), (50, 0, 1, false)]);
}

#[test]
fn images_without_bytes_or_copies_are_wholly_efficient() {
    for layers in [vec![], vec![Tar::default()], vec![Tar::default().file("a", [0; 9]), Tar::default().file("b", "x")]]
    {
        let image = measured(layers);
        assert!((image.score() - 1.0).abs() < f64::EPSILON && image.repeated.is_empty(), "{image:?}");
    }
}

#[test]
fn layer_that_lies_about_its_bytes_is_a_problem_and_counts_nothing() {
    let tar = Tar::default().file("a", [0; 100]).end();
    let other = Tar::default().file("b", [0; 100]).end();
    let image = efficiency(None, vec![honest(gzip(&tar), &other)], &Options::default(), &mut |_, _| {});
    assert_eq!((image.total, image.problems.len()), (0, 1));
}

#[test]
fn every_entry_is_listed_with_its_layer() {
    let tar = Tar::default().folder("d").file("d/a", "abc").link("l", "d/a").hard_link("h", "d/a").end();
    let upper = Tar::default().file("d/.wh.a", "").end();
    let mut seen = Vec::new();
    let layers = [tar, upper].into_iter().map(|tar| honest(gzip(&tar), &tar)).collect();
    efficiency(None, layers, &Options::default(), &mut |layer, entry| {
        let kind = match entry.kind {
            ListedKind::File => "file".to_owned(),
            ListedKind::Folder => "folder".to_owned(),
            ListedKind::Link(to) => format!("-> {to}"),
            ListedKind::HardLink(to) => format!("= {to}"),
            ListedKind::Special => "special".to_owned(),
        };
        seen.push(format!("{layer} {} {kind} {}", entry.path, entry.size));
    });
    assert_eq!(seen, ["0 d folder 0", "0 d/a file 3", "0 l -> d/a 0", "0 h = d/a 0", "1 d/.wh.a file 0"]);
}
