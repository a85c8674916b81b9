//! The laws that every version order keeps, on versions made of the pieces that real ones are made of.

use std::cmp::Ordering;

use plimsoll_advisories::versions::{ORDERS, Order};
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
    if ab != Ordering::Greater && bc != Ordering::Greater {
        let wanted = if ab == Ordering::Equal { bc } else { ab };
        prop_assert_eq!(ac, wanted, "{}: {} {} {}", order.id, a, b, c);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn orders_are_total(a in version(), b in version(), c in version()) {
        for order in ORDERS {
            keeps_the_laws(order, &a, &b, &c)?;
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
