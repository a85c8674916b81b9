//! The syntax of Go's `text/template`. In: a template's text. Out: its tree and the templates that it defines, or what is wrong.
//! Recursion is bounded by [`DEEPEST`].

use std::collections::BTreeMap;

/// Blocks and parentheses in one another.
pub(super) const DEEPEST: usize = 100;

pub(super) const FUNCTIONS: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Action(Pipeline),
    If { test: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    With { test: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    Range { over: Pipeline, each: Vec<Node>, none: Vec<Node> },
    Template { name: String, with: Option<Pipeline> },
    Break,
    Continue,
}

#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub variables: Vec<String>,
    /// `=` rather than `:=`.
    pub assigns: bool,
    pub commands: Vec<Vec<Operand>>,
}

#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub base: Base,
    pub fields: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Base {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Group(Box<Pipeline>),
}

pub(super) struct Parsed {
    pub nodes: Vec<Node>,
    pub defined: BTreeMap<String, Vec<Node>>,
}

/// The message is what follows `template: template:`.
pub(super) fn parsed(text: &str) -> Result<Parsed, String> {
    let mut parser = Parser {
        rest: text,
        line: 1,
        tokens: Vec::new(),
        at: 0,
        depth: 0,
        loops: 0,
        trim: false,
        defined: BTreeMap::new(),
    };
    let (nodes, end) = parser.block()?;
    if let Some(end) = end {
        return Err(parser.wrong(&format!("unexpected {{{{{end}}}}}")));
    }
    Ok(Parsed { nodes, defined: parser.defined })
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `.name`; without a name the dot itself.
    Field(String),
    Variable(String),
    Text(String),
    Int(i64),
    Float(f64),
    Sign(char),
    Declare,
    Space,
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    loops: usize,
    /// The next text loses the space before it.
    trim: bool,
    defined: BTreeMap<String, Vec<Node>>,
}

impl Parser<'_> {
    fn wrong(&self, message: &str) -> String {
        format!("{}: {message}", self.line)
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.wrong("template nests too deeply")) } else { Ok(()) }
    }

    /// Nodes up to `end`, `else` or the end of the text, and which.
    fn block(&mut self) -> Result<(Vec<Node>, Option<String>), String> {
        self.deeper()?;
        let mut nodes = Vec::new();
        loop {
            let (text, action) = match self.rest.split_once("{{") {
                Some((text, action)) => (text, Some(action)),
                None => (self.rest, None),
            };
            self.line += text.matches('\n').count();
            let mut kept = text;
            if std::mem::take(&mut self.trim) {
                kept = kept.trim_start_matches([' ', '\t', '\r', '\n']);
            }
            let mut action = action;
            if let Some(inside) = action
                && let Some(trimmed) = inside.strip_prefix('-')
                && trimmed.starts_with([' ', '\t', '\r', '\n'])
            {
                kept = kept.trim_end_matches([' ', '\t', '\r', '\n']);
                action = Some(trimmed);
            }
            if !kept.is_empty() {
                nodes.push(Node::Text(kept.to_owned()));
            }
            let Some(inside) = action else {
                self.rest = "";
                self.depth -= 1;
                return Ok((nodes, None));
            };
            self.rest = inside;
            if self.comment()? {
                continue;
            }
            self.lex()?;
            self.skip();
            match self.peek().cloned() {
                Some(Token::Word(word)) if word == "end" || word == "else" => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok((nodes, Some(word)));
                }
                Some(Token::Word(word)) => match word.as_str() {
                    "if" | "with" => {
                        self.at += 1;
                        nodes.push(self.branch(&word)?);
                    }
                    "range" => {
                        self.at += 1;
                        let over = self.pipeline(false)?;
                        self.done("range")?;
                        self.loops += 1;
                        let (each, end) = self.block()?;
                        self.loops -= 1;
                        let none = self.otherwise(end, "range")?;
                        nodes.push(Node::Range { over, each, none });
                    }
                    "break" | "continue" => {
                        self.at += 1;
                        if self.loops == 0 {
                            return Err(self.wrong(&format!("{{{{{word}}}}} outside {{{{range}}}}")));
                        }
                        self.done(&word)?;
                        nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                    }
                    "template" | "define" | "block" => {
                        self.at += 1;
                        self.template(&word, &mut nodes)?;
                    }
                    _ => nodes.push(self.action()?),
                },
                None => return Err(self.wrong("missing value for command")),
                Some(_) => nodes.push(self.action()?),
            }
        }
    }

    fn action(&mut self) -> Result<Node, String> {
        let pipeline = self.pipeline(false)?;
        self.done("command")?;
        Ok(Node::Action(pipeline))
    }

    fn branch(&mut self, word: &str) -> Result<Node, String> {
        self.deeper()?;
        let test = self.pipeline(false)?;
        self.done(word)?;
        let (then, end) = self.block()?;
        let otherwise = self.otherwise(end, word)?;
        self.depth -= 1;
        Ok(if word == "if" { Node::If { test, then, otherwise } } else { Node::With { test, then, otherwise } })
    }

    /// What follows `else`, up to its `end`.
    fn otherwise(&mut self, end: Option<String>, word: &str) -> Result<Vec<Node>, String> {
        let end = end.ok_or_else(|| self.wrong("unexpected EOF"))?;
        if end == "end" {
            self.done("end")?;
            return Ok(Vec::new());
        }
        self.skip();
        if matches!(self.peek(), Some(Token::Word(next)) if next == word && word != "range") {
            // `else if` shares the one end.
            self.at += 1;
            return Ok(vec![self.branch(word)?]);
        }
        self.done("else")?;
        let (nodes, end) = self.block()?;
        match end.as_deref() {
            Some("end") => {
                self.done("end")?;
                Ok(nodes)
            }
            Some(_) => Err(self.wrong("expected end; found {{else}}")),
            None => Err(self.wrong("unexpected EOF")),
        }
    }

    fn template(&mut self, word: &str, nodes: &mut Vec<Node>) -> Result<(), String> {
        self.skip();
        let Some(Token::Text(name)) = self.peek().cloned() else {
            return Err(self.wrong(&format!("unexpected token in {word} clause")));
        };
        self.at += 1;
        self.skip();
        let with = if word == "define" || self.peek().is_none() { None } else { Some(self.pipeline(false)?) };
        self.done(word)?;
        if word != "template" {
            let loops = std::mem::take(&mut self.loops);
            let (body, end) = self.block()?;
            self.loops = loops;
            match end.as_deref() {
                Some("end") => self.done("end")?,
                Some(_) => return Err(self.wrong(&format!("unexpected {{{{else}}}} in {word} clause"))),
                None => return Err(self.wrong("unexpected EOF")),
            }
            self.defined.insert(name.clone(), body);
        }
        if word != "define" {
            nodes.push(Node::Template { name, with });
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<bool, String> {
        let Some(inside) = self.rest.strip_prefix("/*").or_else(|| self.rest.trim_start().strip_prefix("/*")) else {
            return Ok(false);
        };
        let Some((comment, behind)) = inside.split_once("*/") else { return Err(self.wrong("unclosed comment")) };
        self.line += comment.matches('\n').count();
        if let Some(behind) = behind.strip_prefix("}}") {
            self.rest = behind;
            return Ok(true);
        }
        let trimmed = behind.trim_start_matches([' ', '\t', '\r', '\n']);
        match trimmed.strip_prefix("-}}").filter(|_| trimmed.len() < behind.len()) {
            Some(behind) => {
                self.rest = behind;
                self.trim = true;
                Ok(true)
            }
            None => Err(self.wrong("comment ends before closing delimiter")),
        }
    }

    /// Reads the tokens of an action and goes behind its end.
    fn lex(&mut self) -> Result<(), String> {
        self.tokens.clear();
        self.at = 0;
        loop {
            if let Some(behind) = self.rest.strip_prefix("}}") {
                self.rest = behind;
                return Ok(());
            }
            let spaced = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if spaced.len() < self.rest.len() {
                if let Some(behind) = spaced.strip_prefix("-}}") {
                    self.rest = behind;
                    self.trim = true;
                    return Ok(());
                }
                let (space, _) = self.rest.split_at(self.rest.len() - spaced.len());
                self.line += space.matches('\n').count();
                self.rest = spaced;
                self.tokens.push(Token::Space);
                continue;
            }
            let Some(first) = self.rest.chars().next() else { return Err(self.wrong("unclosed action")) };
            let token = self.token(first)?;
            self.tokens.push(token);
        }
    }

    fn name(&mut self, skip: usize) -> String {
        let text = self.rest.get(skip..).unwrap_or_default();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, behind) = text.split_at(end);
        self.rest = behind;
        name.to_owned()
    }

    fn token(&mut self, first: char) -> Result<Token, String> {
        let digit = |text: Option<&str>| text.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
        match first {
            '"' | '`' | '\'' => self.quoted(first),
            '.' if !digit(self.rest.get(1..)) => Ok(Token::Field(self.name(1))),
            '$' => Ok(Token::Variable(format!("${}", self.name(1)))),
            '(' | ')' | '|' | ',' | '=' => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                Ok(Token::Sign(first))
            }
            ':' if self.rest.starts_with(":=") => {
                self.rest = self.rest.get(2..).unwrap_or_default();
                Ok(Token::Declare)
            }
            '+' | '-' | '.' | '0'..='9' => {
                let end = self
                    .rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.' | '_'))
                    .unwrap_or(self.rest.len());
                let (text, behind) = self.rest.split_at(end);
                self.rest = behind;
                let plain = text.replace('_', "");
                match (plain.parse::<i64>(), plain.parse::<f64>()) {
                    (Ok(number), _) => Ok(Token::Int(number)),
                    (_, Ok(number)) if number.is_finite() => Ok(Token::Float(number)),
                    _ => Err(self.wrong(&format!("bad number syntax: {text:?}"))),
                }
            }
            c if c.is_alphabetic() || c == '_' => Ok(Token::Word(self.name(0))),
            c => Err(self.wrong(&format!("unexpected {c:?} in command"))),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, String> {
        let text = self.rest.get(1..).unwrap_or_default();
        let mut out = String::new();
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = text.get(at + 1..).unwrap_or_default();
                    let mut inside = out.chars();
                    return match (quote, inside.next(), inside.next()) {
                        ('\'', Some(c), None) => Ok(Token::Int(i64::from(u32::from(c)))),
                        ('\'', _, _) => Err(self.wrong("malformed character constant")),
                        _ => Ok(Token::Text(out)),
                    };
                }
                '\\' if quote != '`' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, c @ ('\\' | '"' | '\''))) => out.push(c),
                    _ => return Err(self.wrong("invalid syntax")),
                },
                '\n' if quote != '`' => break,
                c => out.push(c),
            }
        }
        Err(self.wrong(if quote == '`' { "unterminated raw quoted string" } else { "unterminated quoted string" }))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn done(&mut self, context: &str) -> Result<(), String> {
        self.skip();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong(&format!("unexpected token in {context}"))),
        }
    }

    /// Ends at a closing parenthesis where it stands in some.
    fn pipeline(&mut self, inner: bool) -> Result<Pipeline, String> {
        self.deeper()?;
        let (variables, assigns) = self.variables();
        let mut commands = Vec::new();
        let mut operands: Vec<Operand> = Vec::new();
        loop {
            let spaced = self.peek() == Some(&Token::Space);
            self.skip();
            match self.peek().cloned() {
                None if inner => return Err(self.wrong("unclosed left paren")),
                None | Some(Token::Sign(')')) if !inner || self.peek().is_some() => {
                    if !inner && self.peek().is_some() {
                        return Err(self.wrong("unexpected right paren"));
                    }
                    // Go takes a pipe with nothing behind it.
                    if !operands.is_empty() {
                        commands.push(operands);
                    }
                    if commands.is_empty() {
                        return Err(self.wrong("missing value for command"));
                    }
                    self.depth -= 1;
                    return Ok(Pipeline { variables, assigns, commands });
                }
                Some(Token::Sign('|')) => {
                    self.at += 1;
                    if operands.is_empty() {
                        return Err(self.wrong("missing value for command"));
                    }
                    commands.push(std::mem::take(&mut operands));
                }
                Some(Token::Field(name)) if !spaced && !name.is_empty() && !operands.is_empty() => {
                    self.at += 1;
                    if let Some(last) = operands.last_mut() {
                        last.fields.push(name);
                    }
                }
                _ => operands.push(self.operand()?),
            }
        }
    }

    fn variables(&mut self) -> (Vec<String>, bool) {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.skip();
            let Some(Token::Variable(name)) = self.peek().cloned() else { break };
            self.at += 1;
            names.push(name);
            self.skip();
            match self.peek() {
                Some(Token::Declare) => {
                    self.at += 1;
                    return (names, false);
                }
                Some(Token::Sign('=')) => {
                    self.at += 1;
                    return (names, true);
                }
                Some(Token::Sign(',')) if names.len() == 1 => self.at += 1,
                _ => break,
            }
        }
        self.at = start;
        (Vec::new(), false)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let Some(token) = self.peek().cloned() else { return Err(self.wrong("missing value for command")) };
        self.at += 1;
        let mut fields = Vec::new();
        let base = match token {
            Token::Field(name) => {
                if !name.is_empty() {
                    fields.push(name);
                }
                Base::Dot
            }
            Token::Variable(name) => Base::Variable(name),
            Token::Text(text) => Base::Text(text),
            Token::Int(number) => Base::Int(number),
            Token::Float(number) => Base::Float(number),
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Base::Bool(word == "true"),
                "nil" => Base::Nil,
                name if FUNCTIONS.contains(&name) => Base::Function(word),
                name => return Err(self.wrong(&format!("function {name:?} not defined"))),
            },
            Token::Sign('(') => {
                let group = self.pipeline(true)?;
                self.at += 1;
                Base::Group(Box::new(group))
            }
            _ => return Err(self.wrong("unexpected token in operand")),
        };
        Ok(Operand { base, fields })
    }
}
