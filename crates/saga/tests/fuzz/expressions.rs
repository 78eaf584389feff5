//! The expression language.

use proptest::prelude::*;
use proptest::sample::Index;
use saga::{EvalError, Expression};
use serde_json::{Map, Value, json};

use crate::mutation::misspelt;
use crate::{depth, fuzz, json, size};

/// Most values that an evaluation may make; `docs/statelang.md` promises it as steps.
const MAX_STEPS: usize = 100_000;

const VALID: [&str; 14] = [
    "$.[order].lines.?[price > 100 && #this['id'] != 2].![price * [n] % 7].size() + 1",
    "[a] == null ? {a: 1, 'b c': {1, 2}} : [b] ?: 'it''s'",
    "not ([n] >= 5 or [list].contains(2.5e-3)) and !false",
    "$.{[name].startsWith('花') ? -[n] div 2 : +1}",
    "#root.items[1]?.deeper[[n] - 4]['a-b']",
    "[list].isEmpty() || 'abc'.endsWith(\"c\") && [order].containsKey('lines')",
    "((([a] + 1) * 2) - 3) / 4 % 5 mod 6",
    "{:} == {} ? 3L : 2.5D",
    "[price] lt 1 and [price] le 1 and [price] gt 1 and [price] ge 1 and [price] eq 1 or [price] ne 1",
    "#this",
    "[nrOfCompletedInstances] / [nrOfInstances] >= 0.6",
    "[items].![#this].?[true].![{#this, {a: #root}}]",
    "'a' + 1 + true + null + 2.5",
    "[0]",
];

fn context() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(json(), 8).prop_map(|values| {
        let names = ["a", "b", "n", "name", "list", "items", "order", "price"];
        names.map(str::to_owned).into_iter().zip(values).collect()
    })
}

/// Parses and evaluates, twice with the same result, in bounds. Whether there was a value.
fn try_out(text: &str, root: &Value, context: &Map<String, Value>) -> Result<bool, TestCaseError> {
    let Ok(expression) = Expression::parse(text) else {
        return Ok(false);
    };
    prop_assert_eq!(expression.source(), text);
    prop_assert_eq!(&Expression::parse(text).unwrap(), &expression);
    let value = expression.eval(root, context);
    prop_assert_eq!(&value, &expression.eval(root, context));
    let Ok(value) = value else { return Ok(false) };
    let given = size(root) + size(&Value::Object(context.clone()));
    prop_assert!(
        size(&value) <= given + MAX_STEPS,
        "{} values from {given}",
        size(&value)
    );
    let deepest = depth(root).max(context.values().map(depth).max().unwrap_or(0) + 1);
    prop_assert!(
        depth(&value) <= deepest + 64,
        "{} levels from {deepest}",
        depth(&value)
    );
    Ok(true)
}

#[test]
fn misspelt_expressions_end_well() {
    let slip = || {
        (
            any::<Index>(),
            prop::option::of(prop::sample::select(
                "'\"[](){}.,:?!#$+-*/%<>=&|019aeL 花\u{0}"
                    .chars()
                    .collect::<Vec<_>>(),
            )),
        )
    };
    let strategy = (
        prop::sample::select(VALID.to_vec()),
        prop::collection::vec(slip(), 0..4),
        json(),
        context(),
    );
    fuzz(
        "misspelt expressions",
        2_000,
        20,
        strategy,
        |(text, slips, root, context)| {
            let text = slips
                .into_iter()
                .fold(text.to_owned(), |text, (at, by)| misspelt(&text, at, by));
            try_out(&text, &root, &context)
        },
    );
}

#[test]
fn any_text_ends_well() {
    let strategy = (
        prop_oneof![
            ".{0,60}",
            "[\\PC\\n\\t]{0,200}",
            "[-+*/%<>=!&|?:.,#$()\\[\\]{}'a-c0-9 ]{0,60}"
        ],
        json(),
        context(),
    );
    fuzz(
        "texts as expressions",
        2_000,
        1_000,
        strategy,
        |(text, root, context)| try_out(&text, &root, &context),
    );
}

/// `open` and `close` n times around or behind something, on the stack that a thread has by default: unoptimised, as here, that is little.
#[test]
fn repetition_of_anything_ends_well() {
    let pairs = [
        ("(", ")"),
        ("{", "}"),
        ("[", "]"),
        ("!", ""),
        ("-", ""),
        ("not ", ""),
        ("{1, ", "}"),
        ("{a: ", "}"),
        ("1 + ", ""),
        ("true && ", ""),
        ("1 ? ", " : 2"),
        ("1 ? 2 : ", ""),
        ("null ?: ", ""),
        ("", ".a"),
        ("", "[a]"),
        ("", "?.size()"),
        ("", ".?[true]"),
        ("", ".![#this]"),
        ("[list].?[", "]"),
        ("[list].![", "]"),
        ("[a].contains(", ")"),
        ("[a][", "]"),
        ("2 * (", ")"),
        ("#root", ""),
        ("'", "'"),
        ("9", ""),
        ("1e", ""),
    ];
    let on_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let layers = prop::collection::vec((prop::sample::select(pairs.to_vec()), 1..400_usize), 1..5);
        let strategy = (layers, context());
        fuzz("repetitions", 600, 100, strategy, |(layers, context)| {
            let text = layers
                .into_iter()
                .fold("[list]".to_owned(), |text, ((open, close), n)| {
                    format!("{}{text}{}", open.repeat(n), close.repeat(n))
                });
            let short = try_out(&text, &json!([1, 2, 3]), &context)?;
            Ok(short || Expression::parse(&text).is_ok())
        });
    });
    on_small_stack.unwrap().join().unwrap();
}

#[test]
fn work_is_bounded_however_little_text_asks_for_it() {
    let list: Vec<u32> = (0..30).collect();
    let deep = json!([vec![0; 2_000]]);
    let text = "x".repeat(200_000);
    let context = json!({ "list": list, "deep": deep, "text": text })
        .as_object()
        .unwrap()
        .clone();
    let greedy = [
        "[list].![[list].![deep]]",
        "[list].![[list].![{deep}]]",
        "[list].![[list].![{a: deep}]]",
        "[list].![[list].![text]]",
        "[list].![[list].![[text] + [text]]]",
        "[list].![[list].![#root]]",
        "[list].![[list].?[[list].?[[list].?[true].size() > 0].size() > 0]]",
        "{deep, deep, deep, deep}.![[list].![[list].![#this]]]",
    ];
    for expression in greedy {
        let parsed = Expression::parse(expression).unwrap();
        let root = Value::Object(context.clone());
        let value = parsed.eval(&root, &context);
        let made = value.as_ref().map_or(0, size);
        assert!(
            value == Err(EvalError::TooLong) || made <= MAX_STEPS + size(&root),
            "{expression}: {made} values"
        );
    }
}

/// An expression of which we know how it must be read.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(String),
    Binary(&'static str, u8, Box<Tree>, Box<Tree>),
    Prefix(&'static str, Box<Tree>),
    /// `a ? b : c`
    Conditional(Box<Tree>, Box<Tree>, Box<Tree>),
    /// `a ?: b`
    Elvis(Box<Tree>, Box<Tree>),
    /// Something behind: `.size()`, `[…]`.
    Postfix(Box<Tree>, String),
}

const PREFIX: u8 = 7;
const POSTFIX: u8 = 8;

impl Tree {
    fn binding(&self) -> u8 {
        match self {
            Self::Leaf(_) | Self::Postfix(..) => POSTFIX,
            Self::Prefix(..) => PREFIX,
            Self::Binary(_, binding, ..) => *binding,
            Self::Conditional(..) | Self::Elvis(..) => 0,
        }
    }

    /// With brackets around every part, or only where the language's precedence asks for them.
    fn print(&self, all: bool) -> String {
        let part = |tree: &Tree, needs: u8| {
            let text = tree.print(all);
            if all || tree.binding() < needs {
                format!("({text})")
            } else {
                text
            }
        };
        match self {
            Self::Leaf(text) => text.clone(),
            Self::Binary(operator, binding, left, right) => {
                format!("{} {operator} {}", part(left, *binding), part(right, binding + 1))
            }
            Self::Prefix(operator, of) => format!("{operator} {}", part(of, PREFIX)),
            Self::Conditional(condition, then, otherwise) => {
                format!(
                    "{} ? {} : {}",
                    part(condition, 1),
                    part(then, 0),
                    part(otherwise, 0)
                )
            }
            Self::Elvis(value, otherwise) => format!("{} ?: {}", part(value, 1), part(otherwise, 0)),
            Self::Postfix(of, what) => format!("{}{what}", part(of, POSTFIX)),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaves = [
        "[n]",
        "[a]",
        "[list]",
        "[order].lines",
        "#root",
        "#this",
        "0",
        "1",
        "2.5",
        "'a'",
        "''",
        "true",
        "false",
        "null",
        "{1, 2}",
        "{a: [n]}",
    ];
    let leaf = prop::sample::select(leaves.to_vec()).prop_map(|text| Tree::Leaf(text.to_owned()));
    let operators = [
        ("||", 1),
        ("or", 1),
        ("&&", 2),
        ("and", 2),
        ("==", 3),
        ("ne", 3),
        ("<", 4),
        ("ge", 4),
        ("+", 5),
        ("-", 5),
        ("*", 6),
        ("/", 6),
        ("mod", 6),
    ];
    leaf.prop_recursive(6, 40, 3, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let behind = inner.clone().prop_map(|tree| tree.print(false));
        let behind = prop_oneof![
            Just(".size()".to_owned()), Just("?.a".to_owned()), Just("[0]".to_owned()),
            behind.clone().prop_map(|text| format!(".?[{text}]")), behind.prop_map(|text| format!(".![{text}]")),
        ];
        prop_oneof![
            4 => (prop::sample::select(operators.to_vec()), boxed.clone(), boxed.clone()).prop_map(|((operator, binding), a, b)| Tree::Binary(operator, binding, a, b)),
            1 => (prop::sample::select(vec!["!", "-", "not"]), boxed.clone()).prop_map(|(operator, of)| Tree::Prefix(operator, of)),
            1 => (boxed.clone(), boxed.clone(), boxed.clone()).prop_map(|(a, b, c)| Tree::Conditional(a, b, c)),
            1 => (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Tree::Elvis(a, b)),
            2 => (boxed, behind).prop_map(|(of, what)| Tree::Postfix(of, what)),
        ]
    })
}

#[test]
fn brackets_that_precedence_implies_change_nothing() {
    let context =
        json!({ "n": 5, "a": null, "list": [1, 2, 3], "order": { "lines": [{ "a": 1 }, { "a": true }] } });
    let context = context.as_object().unwrap();
    fuzz("trees", 2_000, 2, tree(), |tree| {
        let value = |text: &str| {
            let parsed =
                Expression::parse(text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            Ok::<_, TestCaseError>(parsed.eval(&json!({ "a": 7 }), context))
        };
        let (bare, bracketed) = (tree.print(false), tree.print(true));
        prop_assert_eq!(value(&bare)?, value(&bracketed)?, "{} is not {}", bare, bracketed);
        Ok(bare != bracketed)
    });
}
