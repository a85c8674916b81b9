use super::super::levels::Level;
use super::super::report::{Entry, Fault};
use super::*;

fn reports() -> Vec<FileReport> {
    let entry =
        |code: &str, level, line, message: &str| Entry { code: code.into(), level, line, message: message.into() };
    let entries = vec![
        entry("DL3004", Level::Error, 2, "`a\"<>&'\\\té` \u{1}"),
        entry("DL3006", Level::Warning, 1, "w"),
        entry("SC2086", Level::Info, 4, "i"),
        entry("DL3048", Level::Style, 5, "s"),
    ];
    let faults = vec![Fault { line: 3, column: 7, message: "there is no instruction `BAD`".into() }];
    vec![
        FileReport::new("a <&\"é/D", Some("in/report"), entries, faults),
        FileReport::new("clean", None, Vec::new(), Vec::new()),
    ]
}

fn render(format: Format) -> String {
    let reports = reports();
    format.render(&Facts { reports: &reports, colour: false, at: "2026-11-28T15:31:18Z".parse().unwrap() })
}

#[test]
fn every_format_is_found_by_its_name() {
    for (format, name, _) in FORMATS {
        assert_eq!(Format::parse(name), Some(*format));
    }
    assert_eq!((FORMATS.len(), Format::parse("JSON")), (10, None));
}

#[test]
fn text_has_a_line_for_each_finding_and_levels_have_their_colours() {
    assert_eq!(
        render(Format::Tty),
        "a <&\"é/D:1 DL3006 warning: w\n\
         a <&\"é/D:2 DL3004 error: `a\"<>&'\\\u{fffd}é` \u{fffd}\n\
         a <&\"é/D:3:7 there is no instruction `BAD`\n\
         a <&\"é/D:4 SC2086 info: i\n\
         a <&\"é/D:5 DL3048 style: s\n"
            .replace('\u{fffd}', &plimsoll_report::safe("\u{1}"))
            .replacen(&*plimsoll_report::safe("\u{1}"), &plimsoll_report::safe("\t"), 1)
    );
    assert!(render(Format::Gnu).starts_with("hadolint:a <&\"é/D:1: DL3006 warning: w\n"));
    assert!(render(Format::Gnu).contains("hadolint:a <&\"é/D:3:7: there is no"));
    let reports = reports();
    let coloured = Format::Tty.render(&Facts { reports: &reports, colour: true, at: jiff::Timestamp::UNIX_EPOCH });
    for start in ["\x1b[1m\x1b[91merror", "\x1b[1m\x1b[93mwarning", " \x1b[92minfo", " \x1b[96mstyle\x1b[0m: s"] {
        assert!(coloured.contains(start), "{coloured:?}");
    }
}

#[test]
fn json_formats_have_the_keys_of_hadolint_in_its_order() {
    assert!(render(Format::Json).starts_with(
        r#"[{"code":"DL3006","column":1,"file":"a <&\"é/D","level":"warning","line":1,"message":"w"},{"code":"DL3004""#
    ));
    assert!(render(Format::Json).contains(
        r#"{"code":"DL1000","column":7,"file":"a <&\"é/D","level":"error","line":3,"message":"there is no instruction `BAD`"}"#
    ));
    assert!(
        render(Format::Codacy)
            .starts_with(r#"{"filename":"a <&\"é/D","line":1,"message":"w","patternId":"DL3006"}{"filename""#)
    );
    assert!(render(Format::CodeClimate).starts_with(
        "{\"categories\":[\"Bug Risk\"],\"check_name\":\"DL3006\",\"description\":\"w\",\"location\":{\"lines\":{\"begin\":1,\"end\":1},\"path\":\"in/report\"},\"severity\":\"major\",\"type\":\"issue\"}\0{"
    ));
    assert!(render(Format::CodeClimate).ends_with("}\0"));
    assert!(render(Format::CodeClimate).contains(
        r#""location":{"path":"in/report","positions":{"begin":{"column":7,"line":3},"end":{"column":7,"line":3}}},"severity":"blocker""#
    ));
    assert!(render(Format::Sonarqube).starts_with(
        r#"{"issues":[{"engineId":"Hadolint","primaryLocation":{"filePath":"in/report","message":"w","textRange":{"endColumn":1,"endLine":1,"startColumn":0,"startLine":1}},"ruleId":"DL3006","severity":"MAJOR","type":"CODE_SMELL"}"#
    ));
    assert!(render(Format::Sonarqube).contains(
        r#""textRange":{"endColumn":7,"endLine":3,"startColumn":7,"startLine":3}},"ruleId":"DL1000","severity":"BLOCKER","type":"BUG"}"#
    ));
    assert!(render(Format::Sarif).starts_with(
        r#"{"$schema":"http://json.schemastore.org/sarif-2.1.0","runs":[{"defaultSourceLanguage":"dockerfile","results":[{"level":"warning","locations":[{"physicalLocation":{"artifactLocation":{"uri":"a <&\"é/D"},"region":{"endColumn":1,"endLine":1,"sourceLanguage":"dockerfile","startColumn":1,"startLine":1}}}],"message":{"text":"w"},"ruleId":"DL3006"}"#
    ));
    assert!(render(Format::Sarif).contains(r#""sourceLanguage":"sh""#));
    for format in [Format::Json, Format::GitlabCodeClimate, Format::Sonarqube, Format::Sarif] {
        let value: serde_json::Value = serde_json::from_str(&render(format)).unwrap();
        assert!(!value.is_null());
    }
}

/// The issue and its fingerprint are those that hadolint 2.15.1 prints.
#[test]
fn fingerprint_is_that_of_hadolint() {
    let entries = vec![Entry {
        code: "DL3066".into(),
        level: Level::Info,
        line: 2,
        message: "Non-numeric user-id may not be resolvable by host system".into(),
    }];
    let reports = [FileReport::new("clean.Dockerfile", None, entries, Vec::new())];
    let facts = Facts { reports: &reports, colour: false, at: jiff::Timestamp::UNIX_EPOCH };
    let value: serde_json::Value = serde_json::from_str(&Format::GitlabCodeClimate.render(&facts)).unwrap();
    assert_eq!(value[0]["fingerprint"], "5c4b55157191755f116a751384211d90d2b57527");
}

#[test]
fn xml_formats_escape_what_xml_does_not_take() {
    assert_eq!(
        render(Format::Checkstyle),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><checkstyle version=\"4.3\"><file name=\"in/report\">\
         <error column=\"1\" line=\"1\" message=\"w\" severity=\"warning\" source=\"DL3006\"/>\
         <error column=\"1\" line=\"2\" message=\"`a&quot;&lt;>&amp;'\\\té` \u{fffd}\" severity=\"error\" source=\"DL3004\"/>\
         <error column=\"7\" line=\"3\" message=\"there is no instruction `BAD`\" severity=\"error\"/>\
         <error column=\"1\" line=\"4\" message=\"i\" severity=\"info\" source=\"SC2086\"/>\
         <error column=\"1\" line=\"5\" message=\"s\" severity=\"style\" source=\"DL3048\"/>\
         </file><file name=\"clean\"/></checkstyle>"
    );
    let junit = render(Format::Junit);
    assert!(junit.starts_with(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites id=\"20261128_153118\" name=\"Hadolint run at 2026-11-28 \
         15:31:18\" time=\"0.001\"><testsuite errors=\"1\" failures=\"5\" id=\"hadolint\" name=\"Hadolint 2.15.1\" \
         time=\"0.001\"><testcase id=\"hadolint.rule.DL3006\" time=\"0.001\"><failure id=\"DL3006\" message=\"w\" \
         type=\"warning\">File: in/report\nLine: 1\nCategory: Hadolint - Dockerfile Static Analysis\nwarning: w\n\
         </failure></testcase>"
    ));
    assert!(junit.contains("error: `a\"&lt;&gt;&amp;'\\\té` \u{fffd}\n</failure>"), "{junit}");
    assert!(
        junit
            .contains("<failure message=\"parse error at line 3, column 7\" type=\"error\">Parse Error in in/report\n")
    );
    assert!(junit.ends_with(
        "<testsuite errors=\"0\" failures=\"0\" id=\"hadolint\" name=\"Hadolint 2.15.1\" time=\"0.001\"/></testsuites>"
    ));
}
