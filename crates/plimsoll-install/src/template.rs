//! Templates with `@NAME@` markers and `#@if NAME` … `#@end` lines. In: a template, values, and what to make of the
//! conditions. Out: text. The same templates give plain YAML, where conditions are decided here, and a Helm chart, where
//! they become the chart's own.

/// What a template is filled with.
pub(crate) struct Fill<'a> {
    pub values: Vec<(&'a str, String)>,
    pub conditions: Conditions<'a>,
}

pub(crate) enum Conditions<'a> {
    /// Names with what they are.
    Known(Vec<(&'a str, bool)>),
    /// Names with the chart's own expressions.
    Chart(Vec<(&'a str, &'a str)>),
}

impl Fill<'_> {
    /// The filled text. Markers that no value names stay; a test says that none does in any template.
    pub fn text(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() * 2);
        let mut shown = vec![true];
        for line in template.lines() {
            let directive = line.trim_start();
            if let Some(name) = directive.strip_prefix("#@if ") {
                let here = match &self.conditions {
                    Conditions::Known(known) => known.iter().any(|(k, on)| *k == name.trim() && *on),
                    Conditions::Chart(chart) => {
                        let expression = chart.iter().find(|(k, _)| *k == name.trim()).map_or("false", |(_, e)| e);
                        out.push_str(&format!("{{{{- if {expression} }}}}\n"));
                        true
                    }
                };
                shown.push(here && shown.last() == Some(&true));
            } else if directive == "#@end" {
                if let Conditions::Chart(_) = self.conditions {
                    out.push_str("{{- end }}\n");
                }
                if shown.len() > 1 {
                    shown.pop();
                }
            } else if shown.last() == Some(&true) {
                self.line(line, &mut out);
            }
        }
        out
    }

    /// A value of several lines takes over the indentation of its marker.
    fn line(&self, line: &str, out: &mut String) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut rest = line;
        while let Some(start) = rest.find('@') {
            out.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            let found = after.find('@').and_then(|end| {
                self.values.iter().find(|(name, _)| *name == &after[..end]).map(|(_, value)| (end, value))
            });
            match found {
                Some((end, value)) => {
                    for (number, piece) in value.trim_end_matches('\n').split('\n').enumerate() {
                        if number > 0 {
                            out.push('\n');
                            out.push_str(if piece.is_empty() { "" } else { indent });
                        }
                        out.push_str(piece);
                    }
                    rest = &after[end + 1..];
                }
                None => {
                    out.push('@');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_conditions_are_filled() {
        let known = |on| Fill {
            values: vec![("A", "x\n\ny\n".to_owned()), ("B", "@A@".to_owned())],
            conditions: Conditions::Known(vec![("more", on)]),
        };
        let template = "k: |\n  @A@\nb: @B@ @C@\n#@if more\nm: 1\n#@end\n";
        assert_eq!(known(true).text(template), "k: |\n  x\n\n  y\nb: @A@ @C@\nm: 1\n");
        assert_eq!(known(false).text(template), "k: |\n  x\n\n  y\nb: @A@ @C@\n");
        let chart = Fill { values: Vec::new(), conditions: Conditions::Chart(vec![("more", ".Values.more")]) };
        assert_eq!(chart.text("#@if more\nm: 1\n#@end\n"), "{{- if .Values.more }}\nm: 1\n{{- end }}\n");
    }
}
