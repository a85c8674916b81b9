//! Licences as SBOMs want them. In: what packages say of their licence. Out: an SPDX id, an SPDX expression, or a mere
//! name. What it does not do: judge licences.

/// How much of a licence's text could be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// On SPDX's list.
    Id(String),
    /// A valid SPDX expression over ids on the list.
    Expression(String),
    Name(String),
}

impl Licence {
    pub fn of(text: &str) -> Licence {
        let text = text.trim();
        if let Some(id) = spdx::license_id(text) {
            return Licence::Id(id.name.to_owned());
        }
        // A reference would have to be declared; as a name it says as much. Expressions are bounded because their parser
        // is not ours.
        const LONGEST_EXPRESSION: usize = 1000;
        if text.len() <= LONGEST_EXPRESSION && !text.contains("Ref-") && spdx::Expression::parse(text).is_ok() {
            return Licence::Expression(text.to_owned());
        }
        Licence::Name(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_expressions_and_names_are_told_apart() {
        assert_eq!(Licence::of(" MIT"), Licence::Id("MIT".into()));
        assert_eq!(Licence::of("GPL-2.0-or-later"), Licence::Id("GPL-2.0-or-later".into()));
        assert_eq!(Licence::of("MIT OR Apache-2.0"), Licence::Expression("MIT OR Apache-2.0".into()));
        assert_eq!(Licence::of("see /usr/share/doc"), Licence::Name("see /usr/share/doc".into()));
        assert_eq!(Licence::of("LicenseRef-x"), Licence::Name("LicenseRef-x".into()));
    }
}
