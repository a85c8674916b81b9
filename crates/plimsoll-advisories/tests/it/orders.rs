//! The laws that every version order keeps, on versions made of the pieces that real ones are made of.

use std::cmp::Ordering;

use plimsoll_advisories::versions::{ORDERS, Order, order};
use proptest::prelude::*;

/// Few pieces, so that equal and nearly equal versions come often.
fn version() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "0", "1", "2", "10", "01", "00", ".", ".", ".", "-", "_", "~", "^", "+", ":", "!", "a", "b", "rc", "alpha",
        "beta", "pre", "p", "post", "dev", "sp", "final", "-r", "el8", "v", "r1", "snapshot",
    ]);
    (prop::sample::select(vec!["1", "0", "1.0", "1.2.3", "10", ""]), prop::collection::vec(piece, 0..6))
        .prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

fn keeps_the_laws(order: &Order, a: &str, b: &str, c: &str) -> Result<(), TestCaseError> {
    let (Ok(ab), Ok(bc), Ok(ac)) = (order.compare(a, b), order.compare(b, c), order.compare(a, c)) else {
        return Ok(());
    };
    let ba = order.compare(b, a);
    prop_assert_eq!(ba, Ok(ab.reverse()), "{} {} {}", order.id, a, b);
    prop_assert_eq!(order.compare(a, a), Ok(Ordering::Equal), "{} {}", order.id, a);
    // Maven's own rules are not transitive for words inside words (`1_`, `1final0snapshot`, `1`); see below for real ones.
    if order.id != "maven" && ab != Ordering::Greater && bc != Ordering::Greater {
        let wanted = if ab == Ordering::Equal { bc } else { ab };
        prop_assert_eq!(ac, wanted, "{}: {} {} {}", order.id, a, b, c);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn orders_are_total(a in version(), b in version(), c in version()) {
        for order in ORDERS {
            keeps_the_laws(order, &a, &b, &c)?;
        }
    }

    #[test]
    fn maven_s_order_is_transitive_for_versions_as_they_are(
        a in "(0|1|2)(\\.(0|1|10)){0,2}((-|\\.)?(alpha|beta|m|rc|cr|SNAPSHOT|sp|Final|jre)(-?[0-3])?)?",
        b in "(0|1|2)(\\.(0|1|10)){0,2}((-|\\.)?(alpha|beta|m|rc|cr|SNAPSHOT|sp|Final|jre)(-?[0-3])?)?",
        c in "(0|1|2)(\\.(0|1|10)){0,2}((-|\\.)?(alpha|beta|m|rc|cr|SNAPSHOT|sp|Final|jre)(-?[0-3])?)?",
    ) {
        let maven = order("maven").unwrap();
        let (ab, bc) = (maven.compare(&a, &b).unwrap(), maven.compare(&b, &c).unwrap());
        if ab != Ordering::Greater && bc != Ordering::Greater {
            let wanted = if ab == Ordering::Equal { bc } else { ab };
            prop_assert_eq!(maven.compare(&a, &c).unwrap(), wanted, "{} {} {}", a, b, c);
        }
    }

    #[test]
    fn any_text_is_placed_or_refused(a in "\\PC{0,60}", b in "\\PC{0,60}") {
        for order in ORDERS {
            let both = order.compare(&a, &b).is_ok();
            prop_assert_eq!(both, order.check(&a).is_ok() && order.check(&b).is_ok(), "{} {} {}", order.id, a, b);
        }
    }
}

proptest! {
    #[test]
    fn any_expression_is_read_or_refused(version in version(), expression in "[0-9a-zA-Z.<>=~^!|,*\\[\\]() x-]{0,40}") {
        for ecosystem in plimsoll_model::Ecosystem::ALL {
            let _ = plimsoll_advisories::versions::expression::satisfies(ecosystem, &version, &expression);
        }
        let _ = plimsoll_advisories::versions::expression::npm_satisfies(&version, &expression);
        let _ = plimsoll_advisories::versions::expression::upper_bounds(&[expression]);
    }
}
