//! The level that each of hadolint's own rules has before anybody overrides it. In: a code. Out: its level. What it does not
//! hold: the rules themselves; they are the checks', under names of ours that carry these codes as aliases.

/// How much a finding weighs, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not looked at.
    Ignore,
    Style,
    Info,
    Warning,
    Error,
}

impl Level {
    /// Those that a report can show.
    pub const SHOWN: [Level; 4] = [Level::Error, Level::Warning, Level::Info, Level::Style];

    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Style => "style",
            Level::Ignore => "ignore",
        }
    }

    /// A threshold as it is written: `none` means the same as `ignore`.
    pub fn parse(word: &str) -> Option<Level> {
        let shown = Level::SHOWN.into_iter().find(|level| level.name() == word);
        shown.or_else(|| matches!(word, "ignore" | "none").then_some(Level::Ignore))
    }
}

/// The code of what could not be read, on which nobody can set another level.
pub const UNREADABLE: &str = "DL1000";

/// The level of a rule of hadolint's own; none for a code that it has not.
pub fn of(code: &str) -> Option<Level> {
    LEVELS.binary_search_by_key(&code, |(known, _)| known).ok().map(|at| LEVELS[at].1)
}

/// By code.
#[rustfmt::skip]
pub const LEVELS: &[(&str, Level)] = &[
    ("DL1001", Level::Ignore),
    ("DL3000", Level::Error),
    ("DL3001", Level::Info),
    ("DL3002", Level::Warning),
    ("DL3003", Level::Warning),
    ("DL3004", Level::Error),
    ("DL3006", Level::Warning),
    ("DL3007", Level::Warning),
    ("DL3008", Level::Warning),
    ("DL3009", Level::Info),
    ("DL3010", Level::Info),
    ("DL3011", Level::Error),
    ("DL3012", Level::Error),
    ("DL3013", Level::Warning),
    ("DL3014", Level::Warning),
    ("DL3015", Level::Info),
    ("DL3016", Level::Warning),
    ("DL3018", Level::Warning),
    ("DL3019", Level::Info),
    ("DL3020", Level::Error),
    ("DL3021", Level::Error),
    ("DL3022", Level::Warning),
    ("DL3023", Level::Error),
    ("DL3024", Level::Error),
    ("DL3025", Level::Warning),
    ("DL3026", Level::Error),
    ("DL3027", Level::Warning),
    ("DL3028", Level::Warning),
    ("DL3029", Level::Warning),
    ("DL3030", Level::Warning),
    ("DL3032", Level::Warning),
    ("DL3033", Level::Warning),
    ("DL3034", Level::Warning),
    ("DL3035", Level::Warning),
    ("DL3036", Level::Warning),
    ("DL3037", Level::Warning),
    ("DL3038", Level::Warning),
    ("DL3040", Level::Warning),
    ("DL3041", Level::Warning),
    ("DL3042", Level::Warning),
    ("DL3043", Level::Error),
    ("DL3044", Level::Error),
    ("DL3045", Level::Warning),
    ("DL3046", Level::Warning),
    ("DL3047", Level::Info),
    ("DL3048", Level::Style),
    ("DL3049", Level::Info),
    ("DL3050", Level::Info),
    ("DL3051", Level::Warning),
    ("DL3052", Level::Warning),
    ("DL3053", Level::Warning),
    ("DL3054", Level::Warning),
    ("DL3055", Level::Warning),
    ("DL3056", Level::Warning),
    ("DL3057", Level::Ignore),
    ("DL3058", Level::Warning),
    ("DL3059", Level::Info),
    ("DL3060", Level::Info),
    ("DL3061", Level::Error),
    ("DL3062", Level::Warning),
    ("DL3063", Level::Warning),
    ("DL3064", Level::Warning),
    ("DL3065", Level::Warning),
    ("DL3066", Level::Info),
    ("DL3067", Level::Warning),
    ("DL4000", Level::Error),
    ("DL4001", Level::Warning),
    ("DL4003", Level::Warning),
    ("DL4004", Level::Error),
    ("DL4005", Level::Warning),
    ("DL4006", Level::Warning),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_in_order_and_once() {
        assert!(LEVELS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(LEVELS.len(), 71);
        assert_eq!(
            (of("DL1001"), of("DL3004"), of("DL3048"), of("DL9999")),
            (Some(Level::Ignore), Some(Level::Error), Some(Level::Style), None)
        );
    }
}
