//! Reads the notation of signatures in the registry of builtins: `(x: any<array[any], set[any]>, ...rest: any) => n: number`.
//! It is ours and not the users': texts come from the code, nesting is bounded all the same.

use super::{Param, Signature, Type};
use crate::value::Value;

/// Where a signature stops making sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected at byte {offset} of `{text}`")]
pub struct NotationError {
    pub expected: &'static str,
    pub offset: usize,
    pub text: String,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

const MAX_NESTING: u8 = 32;

impl Signature {
    /// Reads `(name: type, …, ...type) => name: type`; names and the result may be absent.
    pub fn parse(text: &str) -> Result<Signature, NotationError> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let mut signature = Signature::default();
        reader.expect("(")?;
        while !reader.eat(")") {
            if !signature.args.is_empty() {
                reader.expect(",")?;
            }
            if reader.eat("...") {
                signature.variadic = Some(reader.param()?);
                reader.expect(")")?;
                break;
            }
            signature.args.push(reader.param()?);
        }
        if reader.eat("=>") {
            signature.result = Some(reader.param()?);
        }
        reader.end()?;
        Ok(signature)
    }
}

impl Type {
    /// Reads OPA's own words for a type: `any<array[any], object<a: string>[any: any]>`.
    pub fn parse(text: &str) -> Result<Type, NotationError> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let of = reader.one()?;
        reader.end()?;
        Ok(of)
    }
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.spaces();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, NotationError> {
        Err(NotationError { expected, offset: self.at, text: self.text.to_owned() })
    }

    fn expect(&mut self, token: &'static str) -> Result<(), NotationError> {
        if self.eat(token) { Ok(()) } else { self.fail(token) }
    }

    fn end(&mut self) -> Result<(), NotationError> {
        self.spaces();
        if self.rest().is_empty() { Ok(()) } else { self.fail("the end") }
    }

    /// Text before a colon, where that comes before anything that only types have.
    fn name(&mut self) -> Option<&'a str> {
        self.spaces();
        let rest = self.rest();
        let end = rest.find(['[', ']', '<', '>', ',', '(', ')', ':'])?;
        if !rest.get(end..)?.starts_with(':') {
            return None;
        }
        self.at += end + 1;
        rest.get(..end)
    }

    fn param(&mut self) -> Result<Param, NotationError> {
        let name = self.name().map(Into::into);
        Ok(Param { name, of: self.one()? })
    }

    fn one(&mut self) -> Result<Type, NotationError> {
        self.spaces();
        if self.depth == MAX_NESTING {
            return self.fail("less nesting");
        }
        self.depth += 1;
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        self.at += end;
        let of = match word {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "number" => Type::Number,
            "string" => Type::String,
            "any" => {
                let members = self.list()?;
                if members.is_empty() { Type::Any } else { Type::one_of(members) }
            }
            "set" => {
                let of = self.bracketed()?;
                Type::set(of.unwrap_or(Type::Unknown))
            }
            "array" => {
                let fixed = self.list()?;
                Type::array(fixed, self.bracketed()?)
            }
            "object" => self.object()?,
            _ => {
                self.at -= end;
                return self.fail("a type");
            }
        };
        self.depth -= 1;
        Ok(of)
    }

    fn list(&mut self) -> Result<Vec<Type>, NotationError> {
        let mut types = Vec::new();
        if self.eat("<") {
            types.push(self.one()?);
            while !self.eat(">") {
                self.expect(",")?;
                types.push(self.one()?);
            }
        }
        Ok(types)
    }

    fn bracketed(&mut self) -> Result<Option<Type>, NotationError> {
        if !self.eat("[") {
            return Ok(None);
        }
        let of = self.one()?;
        self.expect("]")?;
        Ok(Some(of))
    }

    fn object(&mut self) -> Result<Type, NotationError> {
        let mut fixed = Vec::new();
        if self.eat("<") {
            loop {
                let Some(key) = self.name() else {
                    return self.fail("a key");
                };
                fixed.push((Value::string(key), self.one()?));
                if self.eat(">") {
                    break;
                }
                self.expect(",")?;
            }
        }
        let mut rest = None;
        if self.eat("[") {
            let key = self.one()?;
            self.expect(":")?;
            rest = Some((key, self.one()?));
            self.expect("]")?;
        }
        Ok(Type::object(fixed, rest))
    }
}
