//! The expression language: a table of values, a table of refusals, and anything at all without a panic.
#![allow(clippy::unwrap_used)]

mod tally;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use saga::Expression;
use serde_json::{Map, Value, json};

fn context() -> Map<String, Value> {
    json!({
        "name": "花子", "n": 5, "half": 0.5, "yes": true, "no": false, "nothing": null, "empty": "", "list": [1, 2, 3],
        "order": { "lines": [{ "id": 1, "price": 90 }, { "id": 2, "price": 200 }], "a-b": 7 }, "shadowed": "context",
    })
    .as_object()
    .unwrap()
    .clone()
}

fn eval(text: &str) -> Result<Value, String> {
    let expression = Expression::parse(text).map_err(|error| error.to_string())?;
    let root = json!({ "code": 3, "items": [10, 20, 30], "shadowed": "result" });
    expression
        .eval(&root, &context())
        .map_err(|error| error.to_string())
}

#[test]
fn expressions_have_the_values_of_this_table() {
    let table = [
        ("$.[name]", json!("花子")),
        ("[n]", json!(5)),
        ("['n']", json!(5)),
        ("n", json!(5)),
        (
            "$.#root",
            json!({ "code": 3, "items": [10, 20, 30], "shadowed": "result" }),
        ),
        ("#root.code", json!(3)),
        ("#root['code']", json!(3)),
        ("#root.items[1]", json!(20)),
        ("[code]", json!(3)),
        ("[shadowed]", json!("result")),
        ("[unknown]", json!(null)),
        ("[unknown].deeper[3]", json!(null)),
        ("[order]['a-b']", json!(7)),
        ("[order].lines[1].price", json!(200)),
        ("[list][7]", json!(null)),
        ("[list][[n] - 4]", json!(2)),
        ("$.1", json!(1)),
        ("$.{true}", json!(true)),
        ("$.{'text'}", json!("text")),
        ("{1, 2 + 3}", json!([1, 5])),
        ("{}", json!([])),
        ("{:}", json!({})),
        ("{a: 1, 'b c': [n]}", json!({ "a": 1, "b c": 5 })),
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 - 2 - 1", json!(4)),
        ("7 / 2", json!(3)),
        ("7 % 4", json!(3)),
        ("-[n] + 1", json!(-4)),
        ("7 div 2 + 7 mod 4", json!(6)),
        ("1 + [half]", json!(1.5)),
        ("2.5e1", json!(25.0)),
        ("3L", json!(3)),
        ("'it''s'", json!("it's")),
        ("\"double\"", json!("double")),
        ("'a' + 1 + true + null", json!("a1truenull")),
        ("1 == 1.0", json!(true)),
        ("'1' == 1", json!(false)),
        ("[list] == {1, 2, 3}", json!(true)),
        ("1 < 2 && 'a' < 'b'", json!(true)),
        ("[n] >= 5 and [n] le 5", json!(true)),
        ("[nothing] < 0", json!(true)),
        ("[nothing] == null", json!(true)),
        ("not [yes] or !false", json!(true)),
        ("false && [name]", json!(false)),
        ("true || 1 / 0 == 1", json!(true)),
        ("1 < 2 == true", json!(true)),
        ("[yes] ? 'a' : 'b'", json!("a")),
        ("[no] ? 1 : [yes] ? 2 : 3", json!(2)),
        ("[nothing] ? 1 : 2", json!(2)),
        ("[nothing] ?: 'default'", json!("default")),
        ("[empty] ?: 'default'", json!("default")),
        ("[n] ?: 'default'", json!(5)),
        ("[list].size() + [name].length()", json!(5)),
        ("[empty].isEmpty() && !{1, 2}.isEmpty()", json!(true)),
        ("[list].contains(2.0) && [name].contains('子')", json!(true)),
        ("[order].containsKey('lines')", json!(true)),
        ("'abc'.startsWith('ab') && 'abc'.endsWith('bc')", json!(true)),
        ("[order].lines.?[price > 100]", json!([{ "id": 2, "price": 200 }])),
        ("[order].lines.?[#this[price] > [n] * 10].size()", json!(2)),
        ("[list].?[#this % 2 == 1]", json!([1, 3])),
        ("[order].lines.![price * 2]", json!([180, 400])),
        ("[nothing].?[#this]", json!(null)),
        ("[order]?.lines[0]?.id", json!(1)),
    ];
    for (text, expected) in table {
        assert_eq!(eval(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    let table = [
        ("1 / 0", "a number is out of range, or divided by zero"),
        (
            "9223372036854775807 + 1",
            "a number is out of range, or divided by zero",
        ),
        ("[list] + 1", "`+` cannot be applied to a list"),
        ("1 + null", "`+` cannot be applied to null"),
        ("1 < 'a'", "`<` cannot be applied to a string"),
        (
            "[name] && true",
            "a condition must be true or false, not a string",
        ),
        ("![n]", "a condition must be true or false, not a number"),
        ("-'a'", "`-` cannot be applied to a string"),
        ("[n].size()", "`size()` cannot be applied to a number"),
        ("[n].x", "`[ ]` cannot be applied to a number"),
        ("[n].?[true]", "`.?[ ]` cannot be applied to a number"),
        ("", "at character 1: something is missing"),
        ("1 +", "at character 4: something is missing"),
        ("1 2", "at character 3: the expression should end here"),
        ("(1", "at character 3: `)` is missing"),
        ("[a", "at character 3: `]` is missing"),
        ("'a", "at character 1: this string has no end"),
        ("a = 1", "at character 3: the expression should end here"),
        (
            "#other",
            "at character 1: `#other` is neither `#root` nor `#this`",
        ),
        ("[a].getClass()", "at character 14: there is no method `getClass`"),
        (
            "T(java.lang.Runtime)",
            "at character 2: the expression should end here",
        ),
        (
            "99999999999999999999",
            "at character 1: this number is out of range",
        ),
        ("1 ? 2", "at character 6: `:` is missing"),
        ("a ; b", "at character 3: `;` means nothing here"),
    ];
    for (text, expected) in table {
        assert_eq!(eval(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn depth_length_and_work_are_bounded() {
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    assert_eq!(eval(&nested("(", ")", 60)), Ok(json!(1)));
    for text in [
        nested("(", ")", 10_000 / 2),
        nested("!", "", 10_000),
        nested("{", "}", 5_000),
        nested("-", "", 10_000),
    ] {
        assert!(
            eval(&text).unwrap_err().contains("nested too deeply"),
            "{}",
            &text[..20]
        );
    }
    for text in [
        format!("1{}", "+1".repeat(5_000)),
        format!("a{}", ".a".repeat(5_000)),
        "1?1:".repeat(3_000) + "1",
    ] {
        assert!(eval(&text).unwrap_err().contains("too"), "{}", &text[..20]);
    }
    assert!(
        eval(&" ".repeat(17_000))
            .unwrap_err()
            .contains("something is missing")
    );
    assert!(
        eval(&format!("'{}'", "a".repeat(17_000)))
            .unwrap_err()
            .contains("longer than")
    );

    let hundreds: Vec<u32> = (0..400).collect();
    let context = json!({ "list": hundreds }).as_object().unwrap().clone();
    let cube = Expression::parse("[list].?[[list].?[[list].?[true].size() > 0].size() > 0]").unwrap();
    assert_eq!(cube.eval(&Value::Null, &context), Err(saga::EvalError::TooLong));
}

/// Texts that look like expressions, and now and then are.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("[n]"),
        Just("[list]"),
        Just("[order]"),
        Just("#root"),
        Just("#this"),
        Just("(1"),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(".?["),
        Just(".!["),
        Just("]."),
        Just(".size()"),
        Just(".contains("),
        Just("+"),
        Just("-"),
        Just("*"),
        Just("/"),
        Just("%"),
        Just("<"),
        Just("=="),
        Just("&&"),
        Just(" or "),
        Just("not "),
        Just("!"),
        Just("?"),
        Just(":"),
        Just("?:"),
        Just("?."),
        Just("'a'"),
        Just("'"),
        Just("1"),
        Just("0.5"),
        Just("9223372036854775807"),
        Just("1e308"),
        Just("null"),
        Just("true"),
        Just("price"),
        Just(","),
        Just("花"),
        Just("$."),
        Just(" "),
    ];
    proptest::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}

/// Holds a property against 4000 generated cases.
fn hold<S: Strategy>(what: &str, inputs: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let generated = Cell::new(0);
    let result = TestRunner::new(config).run(inputs, |input| {
        generated.set(generated.get() + 1);
        property(input)
    });
    tally::tell(&format!("{what}: {} generated cases", generated.get()));
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn no_text_makes_it_panic() {
    hold(
        "no expression panics",
        &prop_oneof![".{0,80}", fragments()],
        |text| {
            let _ = eval(&text);
            Ok(())
        },
    );
}

#[test]
fn no_definition_makes_it_panic() {
    hold(
        "no definition panics",
        &(".{0,200}", fragments()),
        |(text, inner)| {
            let _ = saga::StateMachine::from_json(&text);
            let definition = json!({ "Name": "m", "StartState": "S", "States": { "S": {
                "Type": "Choice", "Choices": [{ "Expression": inner, "Next": "S" }] } } });
            let _ = saga::StateMachine::from_json(&definition.to_string());
            Ok(())
        },
    );
}

#[test]
fn whole_numbers_are_exact() {
    hold(
        "whole numbers are exact",
        &(any::<i64>(), any::<i64>()),
        |(a, b)| {
            let context = json!({ "a": a, "b": b }).as_object().unwrap().clone();
            let value = |text: &str| {
                let expression = Expression::parse(text).unwrap();
                expression
                    .eval(&Value::Null, &context)
                    .ok()
                    .and_then(|v| v.as_i64())
            };
            prop_assert_eq!(value("[a] + [b]"), a.checked_add(b));
            prop_assert_eq!(value("[a] - [b]"), a.checked_sub(b));
            prop_assert_eq!(value("[a] * [b]"), a.checked_mul(b));
            prop_assert_eq!(value("[a] / [b]"), a.checked_div(b));
            prop_assert_eq!(value("[a] % [b]"), a.checked_rem(b));
            prop_assert_eq!(value("[a] < [b] ? 1 : 0"), Some(i64::from(a < b)));
            Ok(())
        },
    );
}
