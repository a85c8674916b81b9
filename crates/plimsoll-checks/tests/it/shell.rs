//! The shell parser: trees of all constructs, recovery, places, depth.

use plimsoll_checks::joined::Joined;
use plimsoll_checks::shell::{
    Command, Compound, Part, Redirect, Script, Separator, Simple, Word, commands::has_flag, parse,
};
use plimsoll_checks::source::Span;
use proptest::prelude::*;

fn read(text: &str) -> Script {
    parse(&Joined::of(text, 0))
}

/// A tree in one line: `a b && (c | d); $(e)`, with every word's text in brackets where it is not plain.
fn shown(script: &Script) -> String {
    let mut out = String::new();
    for item in &script.items {
        if item.pipeline.negated {
            out.push_str("! ");
        }
        let commands: Vec<String> = item.pipeline.commands.iter().map(shown_command).collect();
        out.push_str(&commands.join(" | "));
        out.push_str(match item.separator {
            Separator::Sequence => "; ",
            Separator::And => " && ",
            Separator::Or => " || ",
            Separator::Background => " & ",
            Separator::End => "",
        });
    }
    out.trim_end().to_owned()
}

fn shown_command(command: &Command) -> String {
    match command {
        Command::Simple(simple) => shown_simple(simple),
        Command::Compound(compound) => shown_compound(compound),
    }
}

fn shown_redirects(redirects: &[Redirect]) -> Vec<String> {
    let one = |redirect: &Redirect| {
        format!("{}{}", redirect.operator, redirect.target.as_ref().map(shown_word).unwrap_or_default())
    };
    redirects.iter().map(one).collect()
}

fn shown_simple(simple: &Simple) -> String {
    let mut words: Vec<String> = Vec::new();
    for assignment in &simple.assignments {
        let value = assignment.value.as_ref().map(shown_word).unwrap_or_default();
        words.push(format!("{}{}={value}", assignment.name, if assignment.append { "+" } else { "" }));
    }
    words.extend(simple.words.iter().map(shown_word));
    words.extend(shown_redirects(&simple.redirects));
    words.join(" ")
}

fn shown_compound(compound: &Compound) -> String {
    let mut parts = vec![format!("{:?}", compound.kind).to_lowercase()];
    parts.extend(compound.words.iter().map(shown_word));
    parts.extend(compound.scripts.iter().map(|script| format!("[{}]", shown(script))));
    format!("<{}>{}", parts.join(" "), shown_redirects(&compound.redirects).concat())
}

fn shown_word(word: &Word) -> String {
    word.parts.iter().map(shown_part).collect()
}

fn shown_quoted(part: &Part) -> String {
    match part {
        Part::Bare(text, _) => text.clone(),
        part => shown_part(part),
    }
}

fn shown_part(part: &Part) -> String {
    match part {
        Part::Bare(text, _) => text.replace(' ', "_"),
        Part::Single(text, _) => format!("'{text}'"),
        Part::Double(parts, _) => format!("\"{}\"", parts.iter().map(shown_quoted).collect::<String>()),
        Part::Variable { name, text, .. } => format!("{text}<{name}>"),
        Part::Substitution(script, _) => format!("$[{}]", shown(script)),
        Part::Arithmetic(text, _) => format!("$(({text}))"),
    }
}

#[test]
fn valid_scripts_are_read_without_a_fault() {
    let mut wrong = Vec::new();
    for (text, tree) in [
        ("", ""),
        ("a b  c", "a b c"),
        ("a && b || c; d & e", "a && b || c; d & e"),
        ("a |& b | c", "a | b | c"),
        ("! a | b", "! a | b"),
        ("a \\\n b # c\n# d\ne", "a b; e"),
        ("a &&\n# why\n\n b", "a && b"),
        ("A=b C+=d e", "A=b C+=d e"),
        ("A= b", "A= b"),
        ("A=(x \"y z\" $w) b", "A=x_\"y z\"_$w<w> b"),
        ("a[1]=b c=d", "a=b c=d"),
        ("declare -a x=(a b) y", "declare -a x=a_b y"),
        ("echo a=b", "echo a=b"),
        ("a 'b c' \"d $e ${f:-g} $(h i) `j`\" k\\ l", "a 'b c' \"d $e<e> ${f:-g}<f> $[h i] $[j]\" k_l"),
        ("a $'b\\n\\'c' $\"d\"", "a 'b\n'c' \"d\""),
        ("a $1 $@ $# ${#x} ${!y} $ $%", "a $1<1> $@<@> $#<#> ${#x}<x> ${!y}<y> $ $%"),
        ("a ${b:-${c:-\"}\"}} d", "a ${b:-${c:-\"}\"}}<b> d"),
        ("a ${b:-$(c '{}' (d))} ${e:-'}'} \"${f:-'}\"", "a ${b:-$(c '{}' (d))}<b> ${e:-'}'}<e> \"${f:-'}<f>\""),
        ("a $((1 + (2*3))) $((x))", "a $((1 + (2*3))) $((x))"),
        ("a $((b); c)", "a $[<subshell [b]>; c]"),
        ("a `b \\`c\\` d`", "a $[b $[c] d]"),
        ("a <(b) >(c | d)", "a $[b] $[c | d]"),
        ("a > b 2>&1 >>c <d &>e 2>/dev/null", "a >b 2>&1 >>c <d &>e 2>/dev/null"),
        ("a {fd}>b <<<\"c d\" >|e", "a {fd}>b <<<\"c d\" >|e"),
        ("> a b", "b >a"),
        ("(a; b) > c", "<subshell [a; b]>>c"),
        ("{ a; b; } 2>&1 | c", "<group [a; b;]>2>&1 | c"),
        ("{ a\n}", "<group [a;]>"),
        ("echo }{ {a,b}", "echo }{ {a,b}"),
        ("if a; then b; elif c; then d; else e; fi", "<if [a;] [b;] [c;] [d;] [e;]>"),
        ("if [ -f a ] && b\nthen\n c\nfi && d", "<if [[ -f a ] && b;] [c;]> && d"),
        ("while a; do b; done < c", "<while [a;] [b;]><c"),
        ("until a\ndo b\ndone", "<until [a;] [b;]>"),
        ("for x in a b $c; do d $x; done", "<for x a b $c<c> [d $x<x>;]>"),
        ("for x; do a; done; for y do b; done", "<for x [a;]>; <for y [b;]>"),
        ("for ((i=0; i<3; i++)); do a; done", "<for i=0;_i<3;_i++ [a;]>"),
        ("for x in a; { b; }", "<for x a [b;]>"),
        ("select x in a b; do c; done", "<select x a b [c;]>"),
        ("case $x in a|b) c;; (d*) e ;; *) f; esac", "<case $x<x> a b d* * [c] [e] [f;]>"),
        ("case x in\n a) b\n ;;\n c) d ;& e) ;;& esac", "<case x a c e [b;] [d] []>"),
        ("x=$(case a in b) c;; esac)", "x=$[<case a b [c]>]"),
        ("f() { a; }; f", "<function f [<group [a;]>]>; f"),
        ("function f { a; }", "<function f [<group [a;]>]>"),
        ("function f() ( a )", "<function f [<subshell [a]>]>"),
        (
            "[[ a == b* && ( -f c || $d =~ ^(e|f)$ ) ]] && g",
            "<test a == b* && ( -f c || $d<d> =~ ^ ( e | f ) $ )> && g",
        ),
        ("(( x > 1 )) || a", "<arithmetic _x_>_1_> || a"),
        ("((a) ; b)", "<subshell [<subshell [a]>; b]>"),
        ("a <<E\nb\n$(c\nE\nd", "a <<E; d"),
        ("a <<-'E' | b <<F\nx\n\tE\ny\nF\nc", "a <<-'E' | b <<F; c"),
        ("a $(b <<E\nc )\nE\n) d", "a $[b <<E;] d"),
        ("a\r\nb \\\r\n c\r\n", "a; b c;"),
        ("echo a#b #c", "echo a#b"),
        ("ls @(a|b) !(c)", "ls @(a|b) !(c)"),
        ("echo if then fi done esac", "echo if then fi done esac"),
        ("time a", "time a"),
        ("a ;b", "a; b"),
        ("echo ç\\ü \"é\"", "echo çü \"é\""),
    ] {
        let script = read(text);
        if (shown(&script).as_str(), script.faults.len()) != (tree, 0) {
            wrong.push(format!("{text:?} is {:?}, not {tree:?}; {:?}", shown(&script), script.faults));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn after_a_fault_the_rest_is_read() {
    let mut wrong = Vec::new();
    for (text, tree, fault) in [
        ("a ) b", "a; b", "`)` closes nothing here"),
        ("a; fi; b", "a; b", "`fi` closes nothing here"),
        ("a && && b", "a && b", "there is no command before this"),
        ("; a", "a", "there is no command before this"),
        ("a | | b", "a | b", ""),
        ("a &&", "a &&", "there is no command after this"),
        ("a 'b; c", "a 'b; c", "a single quote stays open"),
        ("a \"b; c", "a \"b; c\"", "a double quote stays open"),
        ("a ${b; c", "a ${b; c", "`${` has no `}`"),
        ("a `b; c", "a `b; c", "a backquote stays open"),
        ("a $(b; c", "a $[b; c]", "`$(` has no `)`"),
        ("(a; b", "<subshell [a; b]>", "`(` has no `)`"),
        ("if a; then b", "<if [a;] [b]>", "`if` has no `fi`"),
        ("if a; b; fi; c", "<if [a; b;] []>; c", "`if` has no `then`"),
        ("for x in a; b; done; c", "<for x a [b;]>; c", "`for` has no `do`"),
        ("while a; do b; (c; done)", "<while [a;] [b; <subshell [c;]>]>", "`done` closes nothing here"),
        ("a (b) c; d", "a c; d", "a parenthesis is not expected here"),
        ("a <<E\nb", "a <<E;", "the here-document has no end"),
        ("a > ; b", "a >; b", "a redirection has no target"),
        ("f() ; a", "<function f []>; a", "a function has no body"),
        ("case a in b c) d;; esac; e", "<case a b [d]>; e", "a branch of `case` has no `)` after its pattern"),
    ] {
        let script = read(text);
        let told = script.faults.iter().any(|(_, message)| message.contains(fault));
        if shown(&script) != tree || !told {
            wrong.push(format!("{text:?} is {:?}, not {tree:?}; {:?}", shown(&script), script.faults));
        }
        for (span, _) in &script.faults {
            assert!(text.get(span.start..span.end).is_some(), "{text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_come_in_the_order_of_the_text() {
    let script = read("a $(b \"$(c)\") | (d; if e; then f `g`; fi) && for x in $(h); do i; done; A=$(j) k > $(l); $m");
    let names: Vec<String> = script.commands().iter().map(|simple| simple.name().unwrap_or_default()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "k", "j", "l", ""]);
    assert_eq!(script.pipelines().len(), 15);
    assert_eq!(script.compounds().len(), 3);
}

#[test]
fn arguments_tell_their_flags_and_quotes() {
    let script = read("/usr/bin/apt-get install -qy --target=x \"a $b\" c=$(d) -o e -- -y");
    let command = script.commands()[0].clone();
    assert_eq!(
        (command.name().as_deref(), command.base_name().as_deref()),
        (Some("/usr/bin/apt-get"), Some("apt-get"))
    );
    let args = command.args();
    let texts: Vec<&str> = args.iter().map(|arg| arg.text.as_str()).collect();
    assert_eq!(texts, ["install", "-qy", "--target=x", "a $b", "c=$(…)", "-o", "e", "--", "-y"]);
    assert_eq!((args[3].quoted, args[3].variable, args[4].quoted, args[4].variable), (true, true, false, true));
    assert_eq!((args[0].quoted, args[0].variable), (false, false));
    assert!(command.has_flag("y", "yes") && command.has_flag("", "target") && !command.has_flag("x", "qy"));
    assert!(!has_flag(&args[7..], "y", "yes"));
    assert_eq!(command.flag_value("o", "option").as_deref(), Some("e"));
    assert_eq!(command.flag_value("t", "target").as_deref(), Some("x"));
    let operands: Vec<String> = command.operands().into_iter().map(|arg| arg.text).collect();
    assert_eq!(operands, ["install", "a $b", "c=$(…)", "e", "-y"]);
}

#[test]
fn what_runs_a_command_is_looked_through() {
    for (text, name) in [
        ("a b", "a"),
        ("sudo -E -u root apt-get update", "apt-get"),
        ("env -i A=b C=d make -j", "make"),
        ("exec time command nohup x", "x"),
        ("sudo env -u H -- /bin/y", "y"),
        ("A=b nice -n 5 z", "z"),
    ] {
        let script = read(text);
        assert_eq!(script.commands()[0].effective().and_then(|it| it.base_name()).as_deref(), Some(name), "{text}");
    }
    assert!(read("sudo").commands()[0].effective().is_none());
}

#[test]
fn depth_is_bounded_without_a_word_for_each_level() {
    for open in [
        "(",
        "$(",
        "\"$(",
        "if ",
        "{ ",
        "while ",
        "case x in a) ",
        "f() { ",
        "`",
        "<(",
        "a=$(",
        "! (",
        "for x in a; do ",
    ] {
        let text = format!("first; {}", open.repeat(20_000));
        let script = read(&text);
        assert!(script.faults.len() < 3, "{open}: {}", script.faults.len());
        assert_eq!(script.commands()[0].name().as_deref(), Some("first"), "{open}");
        drop(script);
    }
    let nested = format!("{}x{}", "$(".repeat(20), ")".repeat(20));
    assert_eq!(read(&nested).faults, []);
    assert_eq!(read(&format!("a {nested}")).commands().last().unwrap().name().as_deref(), Some("x"));
}

#[test]
fn places_are_those_of_the_file() {
    // As when continued lines are joined: the text's pieces stand apart in the file.
    let file = "RUN a --b \\\n  # no\n  \"c $d\" && e `f \\`g\\``";
    let mut joined = Joined::new(4);
    joined.push("a --b ", 4);
    let second = file.find("  \"c").unwrap();
    joined.push(&file[second..], second);
    let script = parse(&joined);
    assert_eq!(script.faults, []);
    let words = |index: usize| {
        let words = script.commands()[index].words.iter();
        words.map(|word| &file[word.span.start..word.span.end]).collect::<Vec<_>>()
    };
    assert_eq!(words(0), ["a", "--b", "\"c $d\""]);
    assert_eq!(words(1), ["e", "`f \\`g\\``"]);
    assert_eq!(words(2), ["f", "`g\\`"]);
    assert_eq!(words(3), ["g"]);
    let separator = script.items[0].separator_span;
    assert_eq!(&file[separator.start..separator.end], "&&");
}

/// Texts that are likely to mean something to a shell.
fn scripts() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b ",
        " ",
        "\n",
        ";",
        ";;",
        "&&",
        "||",
        "|",
        "&",
        "(",
        ")",
        "{ ",
        "}",
        "((",
        "))",
        "[[ ",
        " ]]",
        "$(",
        "`",
        "${",
        "${x:-",
        "$x",
        "'",
        "\"",
        "\\",
        "$'",
        "<<E\n",
        "\nE\n",
        "<<-'E'",
        "<<<",
        ">",
        "2>&1",
        "<(",
        "if ",
        "then ",
        "else ",
        "fi",
        "while ",
        "do ",
        "done",
        "for x in ",
        "case x in ",
        "esac",
        "f() ",
        "function ",
        "! ",
        "# c",
        "A=",
        "a[1]=",
        "x=(",
        "é",
        "\r\n",
        "\t",
        "\u{0}",
        "@(",
        "$((",
        "{fd}>",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), ".{0,80}"]
}

fn check_script(script: &Script, text: &str, within: Span) {
    for item in &script.items {
        let pipeline = &item.pipeline;
        check_span(pipeline.span, text, within);
        check_span(item.separator_span, text, within);
        for command in &pipeline.commands {
            match command {
                Command::Simple(simple) => {
                    check_span(simple.span, text, pipeline.span);
                    simple.words.iter().for_each(|word| check_word(word, text, simple.span));
                    for assignment in &simple.assignments {
                        check_span(assignment.span, text, simple.span);
                        assignment.value.iter().for_each(|word| check_word(word, text, assignment.span));
                    }
                    for redirect in &simple.redirects {
                        check_span(redirect.span, text, simple.span);
                        redirect.target.iter().for_each(|word| check_word(word, text, redirect.span));
                    }
                }
                Command::Compound(compound) => {
                    check_span(compound.span, text, pipeline.span);
                    compound.words.iter().for_each(|word| check_word(word, text, compound.span));
                    compound.scripts.iter().for_each(|script| check_script(script, text, compound.span));
                }
            }
        }
    }
}

fn check_word(word: &Word, text: &str, within: Span) {
    check_span(word.span, text, within);
    word.parts.iter().for_each(|part| check_part(part, text, word.span));
}

fn check_part(part: &Part, text: &str, within: Span) {
    check_span(part.span(), text, within);
    match part {
        Part::Double(parts, span) => parts.iter().for_each(|part| check_part(part, text, *span)),
        Part::Substitution(script, span) => check_script(script, text, *span),
        _ => {}
    }
}

fn check_span(span: Span, text: &str, within: Span) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is not on boundaries of {text:?}");
    assert!(within.start <= span.start && span.end <= within.end, "{span:?} is not within {within:?} of {text:?}");
}

proptest! {
    #[test]
    fn any_script_is_read_and_every_place_is_in_it(text in scripts()) {
        let script = read(&text);
        check_script(&script, &text, Span::new(0, text.len()));
        for (span, message) in &script.faults {
            check_span(*span, &text, Span::new(0, text.len()));
            prop_assert!(!message.is_empty());
        }
        let commands = script.commands();
        prop_assert!(commands.is_sorted_by_key(|simple| simple.span.start));
        for command in commands {
            let _ = (command.args(), command.operands(), command.has_flag("y", "yes"), command.effective());
        }
    }

    #[test]
    fn what_stands_before_a_broken_command_is_read(broken in scripts()) {
        let text = format!("first a; second b\n{broken}");
        let script = read(&text);
        let names: Vec<_> = script.commands().iter().take(2).map(|simple| simple.name()).collect();
        prop_assert_eq!(names, [Some("first".to_owned()), Some("second".to_owned())]);
    }
}
