//! Tokens → [`Expr`]. Depth is bounded by [`MAX_DEPTH`], whatever the text: the trees that leave this module can be walked
//! recursively.

use std::sync::Arc;

use crate::ast::{Access, Entry, Expr, Field, Item, Kind, Literal};
use crate::lex::{Placed, Token, tokens};
use crate::macros::{self, Macros};
use crate::source::Refused;

/// Nodes below one another: as deep as cel-go reads.
pub const MAX_DEPTH: usize = 250;
/// Brackets, calls and conditions within one another. cel-go reads more than twice as many; nobody writes them, and each takes
/// the parser several frames of the stack.
pub const MAX_NESTING: usize = 100;
/// Characters of an expression: as many as cel-go reads.
pub const MAX_SOURCE: usize = 100_000;

const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The tree of an expression, macros taken as the environment has them.
pub fn parse(text: &str, macros: Macros) -> Result<Expr, Refused> {
    if text.chars().nth(MAX_SOURCE).is_some() {
        return Err(Refused::one(
            "",
            0,
            format!("expression code point size exceeds limit: size: {}, limit {MAX_SOURCE}", text.chars().count()),
        ));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0, depth: 0, macros };
    let (expr, _) = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => parser.unexpected("<EOF>"),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    macros: Macros,
}

/// A tree and how deep it is.
type Deep = (Expr, usize);

const END: Token = Token::End;

fn binary(token: &Token) -> Option<(u8, &'static str)> {
    Some(match token {
        Token::Sign("||") => (1, "_||_"),
        Token::Sign("&&") => (2, "_&&_"),
        Token::Sign("==") => (3, "_==_"),
        Token::Sign("!=") => (3, "_!=_"),
        Token::Sign("<") => (3, "_<_"),
        Token::Sign("<=") => (3, "_<=_"),
        Token::Sign(">") => (3, "_>_"),
        Token::Sign(">=") => (3, "_>=_"),
        Token::In => (3, "@in"),
        Token::Sign("+") => (4, "_+_"),
        Token::Sign("-") => (4, "_-_"),
        Token::Sign("*") => (5, "_*_"),
        Token::Sign("/") => (5, "_/_"),
        Token::Sign("%") => (5, "_%_"),
        _ => return None,
    })
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&END, |placed| &placed.token)
    }

    fn ahead(&self, by: usize) -> &Token {
        self.tokens.get(self.next + by).map_or(&END, |placed| &placed.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |placed| placed.at)
    }

    fn advance(&mut self) -> usize {
        let at = self.at();
        self.next += 1;
        at
    }

    fn take(&mut self, sign: &'static str) -> Option<usize> {
        (*self.peek() == Token::Sign(sign)).then(|| self.advance())
    }

    fn refuse<T>(&self, at: usize, message: impl Into<String>) -> Result<T, Refused> {
        Err(Refused::one(self.text, at, message))
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, Refused> {
        let (found, at) = (self.peek().describe(self.text, self.at()), self.at());
        self.refuse(at, format!("Syntax error: mismatched input '{found}' expecting {wanted}"))
    }

    fn expect(&mut self, sign: &'static str) -> Result<usize, Refused> {
        match self.take(sign) {
            Some(at) => Ok(at),
            None => self.unexpected(&format!("'{sign}'")),
        }
    }

    fn bounded(&self, depth: usize) -> Result<usize, Refused> {
        if depth > MAX_DEPTH {
            return self.refuse(self.at(), format!("expression recursion limit exceeded: {MAX_DEPTH}"));
        }
        Ok(depth)
    }

    fn expression(&mut self) -> Result<Deep, Refused> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return self.refuse(self.at(), format!("expression recursion limit exceeded: {MAX_NESTING}"));
        }
        let (mut expr, mut deep) = self.operators(1)?;
        if let Some(at) = self.take("?") {
            let (yes, yes_deep) = self.operators(1)?;
            self.expect(":")?;
            let (no, no_deep) = self.expression()?;
            deep = self.bounded(1 + deep.max(yes_deep).max(no_deep))?;
            expr = Expr { kind: Kind::Conditional(Box::new([expr, yes, no])), at };
        }
        self.depth -= 1;
        Ok((expr, deep))
    }

    /// Binary operators that bind at least as tightly as `least`, all of them from the left.
    fn operators(&mut self, least: u8) -> Result<Deep, Refused> {
        let (mut left, mut deep) = self.unary()?;
        while let Some((level, function)) = binary(self.peek()) {
            if level < least {
                break;
            }
            let at = self.advance();
            let (right, right_deep) = self.operators(level + 1)?;
            (left, deep) = joined(at, function, (left, deep), (right, right_deep));
            deep = self.bounded(deep)?;
        }
        Ok((left, deep))
    }

    fn unary(&mut self) -> Result<Deep, Refused> {
        for (sign, function) in [("!", "!_"), ("-", "-_")] {
            let count = (0..).take_while(|by| *self.ahead(*by) == Token::Sign(sign)).count();
            if count == 0 {
                continue;
            }
            let at = self.at();
            // The last minus before a number belongs to it.
            let literal =
                sign == "-" && count % 2 == 1 && matches!(self.ahead(count), Token::Int(_) | Token::Double(_));
            self.next += count - usize::from(literal);
            let (operand, deep) = self.member()?;
            if count % 2 == 0 || literal {
                return Ok((operand, deep));
            }
            return Ok((call(at, function, None, vec![operand]), self.bounded(deep + 1)?));
        }
        self.member()
    }

    fn member(&mut self) -> Result<Deep, Refused> {
        let (mut expr, mut deep) = self.primary()?;
        loop {
            if let Some(at) = self.take(".") {
                let optional = self.take("?").is_some();
                let Token::Ident(field) = self.peek().clone() else { return self.unexpected("IDENTIFIER") };
                self.advance();
                if !optional && *self.peek() == Token::Sign("(") {
                    let open = self.advance();
                    let (args, args_deep) = self.arguments(")")?;
                    deep = self.bounded(1 + deep.max(args_deep))?;
                    expr = self.call(open, Some(expr), field, args)?;
                } else {
                    deep = self.bounded(deep + 1)?;
                    let how = if optional { Access::Optional } else { Access::Plain };
                    expr = Expr { kind: Kind::Select { operand: Box::new(expr), field, how }, at };
                }
            } else if let Some(at) = self.take("[") {
                let optional = self.take("?").is_some();
                let (index, index_deep) = self.expression()?;
                self.expect("]")?;
                deep = self.bounded(1 + deep.max(index_deep))?;
                expr = Expr { kind: Kind::Index { operand: Box::new(expr), index: Box::new(index), optional }, at };
            } else if *self.peek() == Token::Sign("{") && self.struct_name(&expr).is_some() {
                let name = self.struct_name(&expr).unwrap_or_default();
                let at = self.advance();
                let (fields, fields_deep) = self.fields()?;
                deep = self.bounded(1 + fields_deep)?;
                expr = Expr { kind: Kind::Struct { name: name.into(), fields }, at };
            } else {
                return Ok((expr, deep));
            }
        }
    }

    /// The dotted name that an expression is, if it is one.
    fn struct_name(&self, expr: &Expr) -> Option<String> {
        match &expr.kind {
            Kind::Ident { name, absolute } => Some(if *absolute { format!(".{name}") } else { name.to_string() }),
            Kind::Select { operand, field, how: Access::Plain } => {
                Some(format!("{}.{field}", self.struct_name(operand)?))
            }
            _ => None,
        }
    }

    fn call(&self, at: usize, target: Option<Expr>, function: Arc<str>, args: Vec<Expr>) -> Result<Expr, Refused> {
        match macros::expand(self.macros, at, target, function, args) {
            Ok(expr) => Ok(expr),
            Err((at, message)) => self.refuse(at, message),
        }
    }

    fn arguments(&mut self, close: &'static str) -> Result<(Vec<Expr>, usize), Refused> {
        let (mut args, mut deep) = (Vec::new(), 0);
        if self.take(close).is_some() {
            return Ok((args, deep));
        }
        loop {
            let (arg, arg_deep) = self.expression()?;
            args.push(arg);
            deep = deep.max(arg_deep);
            if self.take(",").is_none() {
                self.expect(close)?;
                return Ok((args, deep));
            }
        }
    }

    fn primary(&mut self) -> Result<Deep, Refused> {
        let at = self.at();
        match self.peek() {
            Token::Sign("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                self.advance();
                self.list(at)
            }
            Token::Sign("{") => {
                self.advance();
                self.map(at)
            }
            Token::Sign(".") => {
                self.advance();
                self.name(at, true)
            }
            Token::Ident(_) => self.name(at, false),
            _ => self.literal(at),
        }
    }

    #[inline(never)]
    fn literal(&mut self, at: usize) -> Result<Deep, Refused> {
        let negative = *self.peek() == Token::Sign("-");
        self.next += usize::from(negative);
        let literal = match self.peek().clone() {
            Token::Int(number) if negative && number <= i64::MIN.unsigned_abs() => {
                Literal::Int(0_i64.wrapping_sub_unsigned(number))
            }
            Token::Double(number) if negative => Literal::Double(-number),
            Token::Int(number) => match i64::try_from(number) {
                Ok(number) if !negative => Literal::Int(number),
                _ => return self.refuse(at, "invalid int literal"),
            },
            _ if negative => return self.unexpected("a number"),
            Token::Uint(number) => Literal::Uint(number),
            Token::Double(number) => Literal::Double(number),
            Token::String(text) => Literal::String(text),
            Token::Bytes(bytes) => Literal::Bytes(bytes),
            Token::True => Literal::Bool(true),
            Token::False => Literal::Bool(false),
            Token::Null => Literal::Null,
            _ => return self.unexpected("an expression"),
        };
        self.next += 1;
        Ok((Expr { kind: Kind::Literal(literal), at }, 1))
    }

    fn name(&mut self, at: usize, absolute: bool) -> Result<Deep, Refused> {
        let Token::Ident(name) = self.peek().clone() else { return self.unexpected("IDENTIFIER") };
        let place = self.advance();
        if RESERVED.contains(&&*name) {
            return self.refuse(place, format!("reserved identifier: {name}"));
        }
        if *self.peek() == Token::Sign("(") {
            let open = self.advance();
            let (args, deep) = self.arguments(")")?;
            let deep = self.bounded(deep + 1)?;
            return Ok((self.call(open, None, name, args)?, deep));
        }
        Ok((Expr { kind: Kind::Ident { name, absolute }, at }, 1))
    }

    fn list(&mut self, at: usize) -> Result<Deep, Refused> {
        let (mut items, mut deep) = (Vec::new(), 0);
        while *self.peek() != Token::Sign("]") {
            let optional = self.take("?").is_some();
            let (value, value_deep) = self.expression()?;
            deep = deep.max(value_deep);
            items.push(Item { value, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("]")?;
        Ok((Expr { kind: Kind::List(items), at }, self.bounded(deep + 1)?))
    }

    fn map(&mut self, at: usize) -> Result<Deep, Refused> {
        let (mut entries, mut deep) = (Vec::new(), 0);
        while *self.peek() != Token::Sign("}") {
            let optional = self.take("?").is_some();
            let (key, key_deep) = self.expression()?;
            self.expect(":")?;
            let (value, value_deep) = self.expression()?;
            deep = deep.max(key_deep).max(value_deep);
            entries.push(Entry { key, value, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        Ok((Expr { kind: Kind::Map(entries), at }, self.bounded(deep + 1)?))
    }

    fn fields(&mut self) -> Result<(Vec<Field>, usize), Refused> {
        let (mut fields, mut deep) = (Vec::new(), 0);
        while *self.peek() != Token::Sign("}") {
            let optional = self.take("?").is_some();
            let Token::Ident(name) = self.peek().clone() else { return self.unexpected("IDENTIFIER") };
            self.advance();
            let at = self.expect(":")?;
            let (value, value_deep) = self.expression()?;
            deep = deep.max(value_deep);
            fields.push(Field { name, value, optional, at });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}")?;
        Ok((fields, deep))
    }
}

/// Chains of `&&` and `||` are one node, brackets or not: the value is the same, and the tree is flat.
fn joined(at: usize, function: &str, (left, left_deep): Deep, (right, right_deep): Deep) -> Deep {
    let chain = match (&left.kind, function) {
        (Kind::And { .. }, "_&&_") | (Kind::Or { .. }, "_||_") => left_deep,
        _ => left_deep + 1,
    };
    let deep = chain.max(right_deep + 1);
    let kind = match (function, left) {
        ("_&&_", Expr { kind: Kind::And { mut terms, mut places }, .. }) => {
            terms.push(right);
            places.push(at);
            Kind::And { terms, places }
        }
        ("_||_", Expr { kind: Kind::Or { mut terms, mut places }, .. }) => {
            terms.push(right);
            places.push(at);
            Kind::Or { terms, places }
        }
        ("_&&_", left) => Kind::And { terms: vec![left, right], places: vec![at] },
        ("_||_", left) => Kind::Or { terms: vec![left, right], places: vec![at] },
        (_, left) => return (call(at, function, None, vec![left, right]), deep),
    };
    (Expr { kind, at }, deep)
}

pub(crate) fn call(at: usize, function: &str, target: Option<Expr>, args: Vec<Expr>) -> Expr {
    Expr { kind: Kind::Call { target: target.map(Box::new), function: function.into(), args }, at }
}
