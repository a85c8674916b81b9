//! All formats: small examples, bombs, and texts of no sense.

use std::sync::LazyLock;

use plimsoll_config::{Around, FORMATS, Fault, Format, MAX_DEPTH, MAX_VALUES, Messages, Value, jsonc, named};
use proptest::prelude::*;

fn nothing(_: &str) -> Option<String> {
    None
}

static MESSAGES: LazyLock<Messages> = LazyLock::new(Messages::default);

fn around() -> Around<'static> {
    Around { environment: &nothing, messages: &MESSAGES }
}

fn read(name: &str, text: &str) -> Result<Value, Fault> {
    let format: &Format = named(name).expect("the name is a format's");
    format.bytes(text.as_bytes(), &around())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The value below keys and places of a list.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, part| match value {
        Value::Map(map) => &map[*part],
        Value::List(items) => &items[part.parse::<usize>().expect("a place of a list")],
        other => unreachable!("{part} of {other:?}"),
    })
}

#[test]
fn bombs_end_with_a_fault() {
    let deep = 1_000_000;
    let bombs = [
        ("hcl1", "a = ".to_owned() + &"[".repeat(deep)),
        ("hcl1", "a {".repeat(deep)),
        ("hcl1", "a ".repeat(100_000) + "{}"),
        ("hcl2", "a = ".to_owned() + &"[".repeat(deep)),
        ("hcl2", "a = ".to_owned() + &"(".repeat(deep)),
        ("hcl2", "a = ".to_owned() + &"!".repeat(deep)),
        ("hcl2", "a = ".to_owned() + &"\"${".repeat(deep)),
        ("hcl2", "a = ".to_owned() + &"x ? ".repeat(deep)),
        ("hcl2", "a {\n".repeat(deep)),
        ("hcl2", "a ".repeat(100_000) + "{}\n"),
        ("hcl2", "a = \"".to_owned() + &"%{if x}".repeat(100_000) + "\"\n"),
        ("xml", "<a>".repeat(deep)),
        ("xml", "<!DOCTYPE a [<!ENTITY x \"yyyy\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>".into()),
        ("spdx", "SPDXVersion: SPDX-2.3\n".to_owned() + &"PackageComment: <text>".repeat(deep)),
        ("spdx", "SPDXVersion: ".to_owned() + &"SPDX-2.3".repeat(deep)),
        ("cyclonedx", "<bom>".repeat(deep)),
        ("cyclonedx", "<bom>".to_owned() + &"<components><component>".repeat(deep / 10)),
        ("cyclonedx", "<bom>".to_owned() + &"<a/>".repeat(2_000_001)),
        ("cyclonedx", "<!DOCTYPE a [<!ENTITY x \"yyyy\"><!ENTITY z \"&x;&x;\">]><bom version=\"&z;\"/>".into()),
        ("toml", "a = ".to_owned() + &"[".repeat(deep)),
        ("toml", "a.".repeat(100_000) + "a = 1\n"),
        ("toml", "[".to_owned() + &"a.".repeat(100_000) + "a]\n"),
        ("vcl", "acl a ".to_owned() + &"{".repeat(deep)),
        ("vcl", "acl ".to_owned() + &"a ".repeat(100_000) + "{}"),
        ("vcl", "backend b {".to_owned() + &".p = {".repeat(deep)),
        ("edn", "[".repeat(deep)),
        ("edn", "#_ ".repeat(deep)),
        (
            "properties",
            (0..40).map(|n| format!("k{n}=${{k{}}}${{k{}}}\n", n + 1, n + 1)).collect::<String>() + "k40=xxxxxxxx",
        ),
        ("dotenv", "A=xxxxxxxxxxxxxxxx\n".to_owned() + &"A=$A$A\n".repeat(40)),
    ];
    for (name, bomb) in bombs {
        let fault = read(name, &bomb).expect_err(&bomb[..20.min(bomb.len())]);
        assert!(!fault.message.is_empty());
    }
}

/// What is done on a thread of so many bytes of stack.
fn on_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work).expect("a thread starts");
        thread.join().expect("it ends")
    })
}

#[test]
fn templates_in_templates_nest_no_deeper_than_all_else() {
    let nested = |times: usize, open: &str, inner: &str, close: &str| {
        format!("a = {}{inner}{}\n", open.repeat(times), close.repeat(times))
    };
    // Of directives each level has as many as one template may.
    let (ifs, ends) = ("%{if x}".repeat(150), "%{endif}".repeat(150));
    on_stack(2 << 20, || {
        for text in [
            nested(100_000, "\"${", "1", "}\""),
            nested(100_000, "\"%{if x}${", "1", "}%{endif}\""),
            nested(90, &format!("\"{ifs}${{"), "1", &format!("}}{ends}\"")),
            nested(100_000, "<<E\n${", "1", "}\nE\n"),
        ] {
            let fault = read("hcl2", &text).expect_err("it is too deep");
            assert!(fault.message.contains("nests deeper"), "{fault}");
        }
        // What is within the bound is read, siblings as often as they like.
        read("hcl2", &nested(90, "\"${", "1", "}\"")).unwrap();
        read("hcl2", &format!("a = \"{}\"\n", "%{if x}${y}%{else}z%{endif}".repeat(1000))).unwrap();
    });
}

/// Keys of the same letters, in upper and lower case.
fn spellings(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| (0..17).map(|bit| if n >> bit & 1 == 1 { 'A' } else { 'a' }).collect())
}

#[test]
fn spellings_of_a_key_do_not_make_the_square_of_them() {
    let blocks = |count: usize| spellings(count).map(|key| format!("{key} \"b\" {{}}\n")).collect::<String>();
    let few = read("hcl1", &blocks(2)).unwrap();
    for key in spellings(2) {
        assert!(matches!(at(&few, &[&key]), Value::List(list) if list.len() == 2));
    }
    let began = std::time::Instant::now();
    assert!(read("hcl1", &blocks(100_000)).unwrap_err().message.contains("make more than"));
    let long = format!("{{ c = \"{}\" }}", "x".repeat(100_000));
    let text = spellings(300).map(|key| format!("{key} \"b\" {long}\n")).collect::<String>();
    assert!(read("hcl1", &text).unwrap_err().message.contains("make more than"));
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn no_format_makes_more_values_than_it_may() {
    let times = MAX_VALUES + 1;
    for (name, text) in [
        ("ignore", "\n".repeat(times / 4)),
        ("codeowners", "* ".to_owned() + &"@a ".repeat(times / 3)),
        ("ini", "[a]\n".repeat(times)),
        ("spdx", "a:b\n".repeat(times / 4 + 1)),
        ("xml", "<a>".to_owned() + &"<b c=\"\"/>".repeat(times / 2 + 1)),
        ("vcl", "acl a {".to_owned() + &"\"\";".repeat(times)),
        ("vcl", "#\n".repeat(times)),
        ("toml", "a = [".to_owned() + &",".repeat(times)),
        ("toml", (0..times / 60 + 1).map(|n| format!("a{n}{} = 1\n", ".b".repeat(60))).collect::<String>() + "="),
        ("toml", (0..times / 60 + 1).map(|n| format!("[a{n}{}]\n", ".b".repeat(60))).collect::<String>() + "="),
        ("hcl1", format!("a {} {{}}\n", "b ".repeat(100)).repeat(times / 101)),
        ("hcl2", format!("a {} {{}}\n", "b ".repeat(100)).repeat(times / 101 + 1)),
    ] {
        // Shown whole, what was read by mistake would be millions of lines.
        let Err(fault) = read(name, &text) else { unreachable!("{name} makes more than it may") };
        assert!(fault.message.contains("more than 4000000 values"), "{name}: {fault}");
    }
}

#[test]
fn many_keys_are_read_in_a_time_that_grows_with_them() {
    let lines = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    for (name, text) in [
        ("hcl1", lines(&|n| format!("a{n} \"b\" {{}}\n"))),
        ("hcl1", "a \"b\" {\n".repeat(60) + &lines(&|n| format!("a{n} = 1\n")) + &"}".repeat(60)),
        ("hcl2", lines(&|n| format!("a{n} = 1\n"))),
        ("ini", "[a]\n".to_owned() + &lines(&|n| format!("a{n} = 1\n"))),
        ("properties", lines(&|n| format!("a{n} = ${{a{}}}\n", (n / 1000) * 1000 + 999).replace("${a999}", "x"))),
        ("dotenv", lines(&|n| format!("A{n}=1\n"))),
        ("xml", "<a>".to_owned() + &lines(&|n| format!("<a{n}/>")) + "</a>"),
        ("toml", lines(&|n| format!("a{n} = 1\n"))),
    ] {
        let began = std::time::Instant::now();
        // What refers to itself is refused, as fast.
        let _ = read(name, &text);
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{name}");
    }
}

#[test]
fn blocks_of_hcl2_nest_by_their_labels() {
    let text = "resource \"a\" \"b\" {\n  c = \"${var.d}-x\"\n  e = [1, var.f]\n}\n";
    let value = read("hcl2", text).unwrap();
    let body = at(&value, &["resource", "a", "b", "0"]);
    assert_eq!(at(body, &["c"]), &Value::text("${var.d}-x"));
    assert_eq!(at(body, &["e"]), &Value::List(vec![Value::Float(1.0), Value::text("${var.f}")]));
}

#[test]
fn objects_of_hcl1_are_lists() {
    let value = read("hcl1", "a \"b\" {\n c = 1\n}\n").unwrap();
    assert_eq!(at(&value, &["a", "0", "b", "0", "c"]), &Value::Int(1));
}

#[test]
fn tags_of_spdx_become_what_its_json_has() {
    let text = "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: d\nCreator: Tool: t\n\
        PackageName: p\nSPDXID: SPDXRef-p\nPackageSupplier: NOASSERTION\nPackageComment: <text>a\n\n b</text>\n\
        FileName: f\nSPDXID: SPDXRef-f\nFileChecksum: SHA1: 00\nRelationship: SPDXRef-p CONTAINS NONE\n";
    let value = read("spdx", text).unwrap();
    assert_eq!(at(&value, &["creationInfo", "creators", "0"]), &Value::text("Tool: t"));
    assert_eq!(at(&value, &["packages", "0", "comment"]), &Value::text("a\n\n b"));
    assert_eq!(at(&value, &["packages", "0", "files", "0", "checksums", "0", "algorithm"]), &Value::text("SHA1"));
    assert_eq!(at(&value, &["relationships", "0", "relatedSpdxElement"]), &Value::text("NONE"));
    for (text, line) in [
        ("SPDXVersion: SPDX-2.3\nnothing\n", 2),
        ("SPDXVersion: SPDX-2.3\nCreator: t\n", 2),
        ("SPDXVersion: SPDX-2.3\nPackageComment: <text>a\n\n", 2),
        ("SPDXVersion: SPDX-2.3\nPackageName: p\nPackageName: q\n", 3),
        ("SPDXVersion: SPDX-2.3\nPackageName: p\nOdd: q\n", 3),
        ("SPDXVersion: SPDX-3.0\n", 0),
        ("{}", 1),
        ("", 0),
    ] {
        assert_eq!(read("spdx", text).expect_err(text).line, line, "{text}");
    }
}

#[test]
fn a_fault_has_its_line_and_column() {
    for (name, text, line, column) in [
        ("hcl2", "a = 1\nb = \n", 2, 5),
        ("hcl1", "a = 1\nb = ?\n", 2, 5),
        ("toml", "a = 1\nb = ?\n", 2, 5),
        ("xml", "<a>\n  <b>&x;</b></a>", 2, 6),
        ("ini", "[a]\nnothing\n", 2, 1),
        ("properties", "a = 1\nb = \\u00g0\n", 2, 5),
        ("dotenv", "A=1\nB C\n", 2, 1),
        ("codeowners", "* @a\n* [x]\n", 2, 3),
        ("edn", "[1\n 08]", 2, 2),
        ("edn", "[1] ; one\n {:a 2}", 2, 2),
    ] {
        let fault = read(name, text).expect_err(name);
        assert_eq!((fault.line, fault.column), (line, column), "{name}: {fault}");
    }
}

#[test]
fn a_fault_quotes_little_of_a_long_line() {
    let long = "x".repeat(3_000_000);
    for (name, text, words) in [
        ("ini", format!("[{long}"), "unclosed section"),
        ("ini", long.clone(), "delimiter not found"),
        ("codeowners", format!("* {long}\n"), "at position 3"),
        ("vcl", long.clone(), "no policy would see it"),
        ("spdx", format!("SPDXVersion: {long}"), "unsupported SPDX version"),
        ("xml", format!("<{long}>"), "is not closed"),
        ("xml", format!("<?xml version=\"1.0\" encoding=\"{long}\"?>"), "is not spoken here"),
        ("hcl2", format!("a = {long}"), ""),
        ("dotenv", format!("{long} {long}"), ""),
        ("toml", long.clone(), ""),
        ("edn", format!("[{long}"), ""),
        ("properties", format!("a = ${{{long}"), ""),
    ] {
        let fault = read(name, &text).err().map_or(String::new(), |fault| fault.message);
        assert!(fault.chars().count() < 400 && fault.contains(words), "{name}: {fault:.500}");
    }
}

#[test]
fn a_value_of_vcl_that_is_missing_is_none_that_conftest_loses() {
    for (text, line) in
        [("backend b {\n .host =\n}", 3), ("backend b {\n .host = ;\n}", 2), ("sub a { set b.c =", 1), ("a = b", 1)]
    {
        let fault = read("vcl", text).expect_err(text);
        assert_eq!(fault.line, line, "{text}: {fault}");
        assert_eq!(fault.message.contains("a value is expected"), text != "a = b", "{text}: {fault}");
    }
    let long = read("vcl", "backend b { .r = {\"x\"}; }").expect_err("a long text");
    assert!(long.message.contains("no policy would see it"), "{long}");
}

#[test]
fn what_is_no_utf_8_has_its_place() {
    for format in FORMATS {
        let fault = format.bytes(b"<a>\n\xff</a>", &around()).expect_err(format.name);
        assert_eq!((fault.line, fault.column), (2, 1), "{}", format.name);
    }
}

#[test]
fn variables_come_from_the_environment_that_is_given() {
    let environment = |name: &str| (name == "HOME").then(|| "/h".to_owned());
    let around = Around { environment: &environment, ..around() };
    let value = named("dotenv").unwrap().bytes(b"A=$HOME/x\nB=${NONE}y\n", &around).unwrap();
    assert_eq!((at(&value, &["A"]), at(&value, &["B"])), (&Value::text("/h/x"), &Value::text("y")));
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\PC\\n\\t]{0,200}") {
        for format in FORMATS {
            if let Ok(value) = format.bytes(text.as_bytes(), &around()) {
                prop_assert!(depth(&value) <= 3 * MAX_DEPTH);
            }
        }
        jsonc::plain(text.as_bytes());
    }

    #[test]
    fn no_text_of_their_own_signs_makes_a_reader_panic(text in "[\\[\\]{}()<>\"'\\\\$%#=:;,.!&/~a1 \\n-]{0,60}") {
        for format in FORMATS {
            let _ = format.bytes(text.as_bytes(), &around());
        }
        jsonc::plain(text.as_bytes());
    }
}
