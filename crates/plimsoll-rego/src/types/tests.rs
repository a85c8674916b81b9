use super::*;

fn read(text: &str) -> Type {
    Type::parse(text).expect("a type")
}

#[test]
fn types_print_in_the_words_they_are_read_from() {
    for text in [
        "any",
        "any<number, string>",
        "any<string>",
        "array",
        "array<number>[any]",
        "array<boolean, array[object[string: any]]>",
        "object",
        "object<a: string, b: set[any]>[any: any]",
        "set",
        "set[array<any, any>]",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
}

#[test]
fn signatures_keep_names_variadics_and_absent_results() {
    for text in [
        "()",
        "() => output: object[string: any]",
        "(...any)",
        "(x: number, y: any<number, set[any]>) => z: number",
        "(any, ...rest: string) => boolean",
        "(x: any<number, array<number, string>>) => formatted timestamp: string",
    ] {
        assert_eq!(Signature::parse(text).expect("a signature").notation(), text);
    }
    let signature = Signature::parse("(x: number, ...string) => z: number").expect("a signature");
    assert_eq!(Type::function(signature).to_string(), "(number, string...) => number");
    let void = Signature::parse("(array[set[any]])").expect("a signature");
    assert_eq!(Type::function(void).to_string(), "(array[set[any]]) => ???");
}

#[test]
fn signatures_that_make_no_sense_are_refused_with_the_place() {
    for text in ["", "(", "(x)", "(number", "(number) => ", "(number) string", "(set[any)", "(object<a>)", "(,number)"]
    {
        assert!(Signature::parse(text).is_err(), "{text}");
    }
    let nested = "set[".repeat(100);
    assert!(Type::parse(&nested).is_err());
}

#[test]
fn unions_are_flat_sorted_and_absorbed_by_any() {
    let or = |a: &str, b: &str| read(a).or(&read(b)).to_string();
    assert_eq!(or("string", "number"), "any<number, string>");
    assert_eq!(or("string", "string"), "string");
    assert_eq!(or("any<string, set[any]>", "any<number, string>"), "any<number, string, set[any]>");
    assert_eq!(or("any<string>", "string"), "any<string>");
    assert_eq!(or("any", "string"), "any");
    assert_eq!(Type::Unknown.or(&Type::Null), Type::Null);
}

#[test]
fn keys_values_and_members_are_those_of_the_collection() {
    let object = read("object<a: string, b: number>[boolean: null]");
    assert_eq!(object.keys().to_string(), "any<boolean, string>");
    assert_eq!(object.values().to_string(), "any<null, number, string>");
    assert_eq!(object.select(&Value::string("a")), Type::String);
    assert_eq!(object.select(&Value::string("c")), Type::Unknown);
    assert_eq!(object.select(&Value::Bool(true)), Type::Null);
    let array = read("array<string>[number]");
    assert_eq!(array.select(&Value::int(0)), Type::String);
    assert_eq!(array.select(&Value::int(7)), Type::Number);
    assert_eq!(array.select(&Value::string("0")), Type::Unknown);
    assert_eq!(read("array<string>").select(&Value::int(1)), Type::Unknown);
    assert_eq!(read("set[any<number, string>]").select(&Value::int(1)), Type::Number);
    assert_eq!(read("any<set[string], array[null]>").values().to_string(), "any<null, string>");
}

#[test]
fn types_survive_their_json() {
    for text in
        ["(x: any<number, set[any]>, y: array<string>[any]) => z: object<a: set>[string: any]", "(...any)", "() => any"]
    {
        let signature = Signature::parse(text).expect("a signature");
        assert_eq!(Signature::from_json(&signature.to_json()).expect("a signature").notation(), text);
    }
}

#[test]
fn types_without_end_keep_their_outer_shape() {
    let mut doubling = Type::String;
    for _ in 0..10_000 {
        doubling = Type::array(vec![doubling.clone(), doubling], None);
    }
    assert!(doubling.size() <= MAX_TYPE_SIZE && matches!(doubling, Type::Array(_)));
    let mut nested = Type::set(Type::Unknown);
    for _ in 0..100_000 {
        nested = Type::object(vec![(Value::string("a"), nested)], None);
    }
    assert!(matches!(nested, Type::Object(_)));
    let many: Vec<Type> = (0..20_000).map(|n| Type::object(vec![(Value::int(n), Type::Null)], None)).collect();
    assert_eq!(Type::any_of(&many), Type::Any);
}
