//! Numbers for people. In: bytes, counts. Out: words.

/// Bytes with three figures and a decimal unit, as policies write sizes: `78.2 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Tenths of the unit, in integers: the same on every machine.
    let (mut tenths, mut unit) = (u128::from(count) * 10 / 1000, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    if tenths >= 1000 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// `1 package`, `2 packages`: adds an `s`, or turns a final `y` into `ies`.
pub fn plural(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o']) => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}s"),
    }
}

/// A probability as a percentage: whole from 10 on, one decimal below, `<0.1%` for almost nothing.
pub fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent >= 10.0 {
        format!("{percent:.0}%")
    } else if percent >= 0.1 {
        format!("{percent:.1}%")
    } else {
        "<0.1%".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (count, words) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (78_249_000, "78.2 MB"), (u64::MAX, "18.4 EB")]
        {
            assert_eq!(bytes(count), words);
        }
        assert_eq!(bytes(123_400_000), "123 MB");
        assert_eq!(plural(1, "vulnerability"), "1 vulnerability");
        assert_eq!(plural(0, "vulnerability"), "0 vulnerabilities");
        assert_eq!(plural(2, "layer"), "2 layers");
        assert_eq!(percent(0.974), "97%");
        assert_eq!(percent(0.0004), "<0.1%");
    }
}
