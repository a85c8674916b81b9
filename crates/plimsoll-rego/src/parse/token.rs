//! The words of the language: tokens, the names that messages give them, and which identifiers are keywords.

/// Kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tok {
    Illegal,
    Eof,
    Whitespace,
    Ident,
    Comment,
    Package,
    Import,
    As,
    Default,
    Else,
    Not,
    Some,
    With,
    Null,
    True,
    False,
    Number,
    String,
    TemplatePart,
    TemplateEnd,
    RawTemplatePart,
    RawTemplateEnd,
    LBrack,
    RBrack,
    LBrace,
    RBrace,
    LParen,
    RParen,
    Comma,
    Colon,
    Add,
    Sub,
    Mul,
    Quo,
    Rem,
    And,
    Or,
    Unify,
    Equal,
    Assign,
    In,
    Neq,
    Gt,
    Lt,
    Gte,
    Lte,
    Dot,
    Semicolon,
    Every,
    Contains,
    If,
    LogicalAnd,
    LogicalOr,
}

impl Tok {
    /// What messages call it; of an operator, the builtin that it calls.
    pub(super) fn text(self) -> &'static str {
        match self {
            Tok::Illegal => "illegal",
            Tok::Eof => "eof",
            Tok::Whitespace => "whitespace",
            Tok::Ident => "identifier",
            Tok::Comment => "comment",
            Tok::Package => "package",
            Tok::Import => "import",
            Tok::As => "as",
            Tok::Default => "default",
            Tok::Else => "else",
            Tok::Not => "not",
            Tok::Some => "some",
            Tok::With => "with",
            Tok::Null => "null",
            Tok::True => "true",
            Tok::False => "false",
            Tok::Number => "number",
            Tok::String => "string",
            Tok::TemplatePart => "template-string-part",
            Tok::TemplateEnd => "template-string-end",
            Tok::RawTemplatePart => "raw-template-string-part",
            Tok::RawTemplateEnd => "raw-template-string-end",
            Tok::LBrack => "[",
            Tok::RBrack => "]",
            Tok::LBrace => "{",
            Tok::RBrace => "}",
            Tok::LParen => "(",
            Tok::RParen => ")",
            Tok::Comma => ",",
            Tok::Colon => ":",
            Tok::Add => "plus",
            Tok::Sub => "minus",
            Tok::Mul => "mul",
            Tok::Quo => "div",
            Tok::Rem => "rem",
            Tok::And | Tok::LogicalAnd => "and",
            Tok::Or | Tok::LogicalOr => "or",
            Tok::Unify => "eq",
            Tok::Equal => "equal",
            Tok::Assign => "assign",
            Tok::In => "in",
            Tok::Neq => "neq",
            Tok::Gt => "gt",
            Tok::Lt => "lt",
            Tok::Gte => "gte",
            Tok::Lte => "lte",
            Tok::Dot => ".",
            Tok::Semicolon => ";",
            Tok::Every => "every",
            Tok::Contains => "contains",
            Tok::If => "if",
        }
    }

    /// Messages speak of a keyword rather than of a token.
    pub(super) fn is_keyword(self) -> bool {
        matches!(
            self,
            Tok::Package
                | Tok::Import
                | Tok::As
                | Tok::Default
                | Tok::Else
                | Tok::Not
                | Tok::Some
                | Tok::With
                | Tok::Null
                | Tok::True
                | Tok::False
                | Tok::In
                | Tok::Every
                | Tok::Contains
                | Tok::If
                | Tok::LogicalAnd
                | Tok::LogicalOr
        )
    }

    /// How tightly an infix operator binds, from 1; 0 is no such operator.
    pub(super) fn level(self) -> u8 {
        match self {
            Tok::Equal | Tok::Neq | Tok::Lt | Tok::Gt | Tok::Lte | Tok::Gte => 1,
            Tok::Or => 2,
            Tok::And => 3,
            Tok::Add | Tok::Sub => 4,
            Tok::Mul | Tok::Quo | Tok::Rem => 5,
            _ => 0,
        }
    }
}

/// Keywords that must be imported somewhere, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Keywords(u8);

impl Keywords {
    pub(super) const NONE: Keywords = Keywords(0);
    const NAMES: [(&'static str, Tok); 7] = [
        ("and", Tok::LogicalAnd),
        ("contains", Tok::Contains),
        ("every", Tok::Every),
        ("if", Tok::If),
        ("in", Tok::In),
        ("not", Tok::Not),
        ("or", Tok::LogicalOr),
    ];
    /// What v1 has and v0 must import.
    pub(super) const V0: Keywords = Keywords(0b0001_1110);
    /// What v1 must import.
    pub(super) const V1: Keywords = Keywords(0b0110_0001);
    pub(super) const ALL: Keywords = Keywords(0b0111_1111);

    pub(super) fn named(name: &str) -> Option<Keywords> {
        Keywords::NAMES.iter().position(|(known, _)| *known == name).map(|at| Keywords(1 << at))
    }

    pub(super) fn with(self, other: Keywords) -> Keywords {
        let union = Keywords(self.0 | other.0);
        // Whoever imports `every` has `in` too.
        if union.has("every") { Keywords(union.0 | 0b0001_0000) } else { union }
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.tok(name).is_some()
    }

    pub(super) fn tok(self, name: &str) -> Option<Tok> {
        let (at, (_, tok)) = Keywords::NAMES.iter().enumerate().find(|(_, (known, _))| *known == name)?;
        (self.0 & (1 << at) != 0).then_some(*tok)
    }

    /// In order of the alphabet.
    pub(super) fn names(self) -> Vec<&'static str> {
        let held = |(at, (name, _)): (usize, &(&'static str, Tok))| (self.0 & (1 << at) != 0).then_some(*name);
        Keywords::NAMES.iter().enumerate().filter_map(held).collect()
    }
}

/// Keywords of every version. `not` is left out where an import path is read.
pub(super) fn always(name: &str) -> Option<Tok> {
    Some(match name {
        "package" => Tok::Package,
        "import" => Tok::Import,
        "as" => Tok::As,
        "default" => Tok::Default,
        "else" => Tok::Else,
        "some" => Tok::Some,
        "with" => Tok::With,
        "null" => Tok::Null,
        "true" => Tok::True,
        "false" => Tok::False,
        _ => return None,
    })
}
