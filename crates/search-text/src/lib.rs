//! One spelling for what a shopper may write in several: `ﾏｸﾞ`, `マグ` and `まぐ`; `ＬＥＤ` and `led`.
//!
//! What is stored for searching and what is searched for must pass through the same version of [`normalise`], or they no longer meet.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

/// The text in its one spelling: compatibility forms composed (NFKC), lower case, katakana as hiragana, and any run of white space or control
/// characters as one space, none at either end.
pub fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    // Lower case may come apart again (İ), so it is composed once more.
    for c in text.nfkc().flat_map(char::to_lowercase).nfkc().map(fold) {
        if !(c.is_whitespace() || c.is_control()) {
            normal.push(c);
        } else if !normal.is_empty() && !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
    if normal.ends_with(' ') {
        normal.pop();
    }
    normal
}

/// The words of a normalised text.
pub fn words(normal: &str) -> impl Iterator<Item = &str> {
    normal.split(' ').filter(|word| !word.is_empty())
}

/// Characters of a gram.
pub const GRAM: usize = 3;

/// Every [`GRAM`] characters in a row that a word of these normalised texts has, each once. What an index holds where the database has no index of its
/// own for parts of words. A shorter word has none.
pub fn grams<'a>(normal_texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut grams = BTreeSet::new();
    for word in normal_texts.into_iter().flat_map(str::lines).flat_map(words) {
        // Where each character begins, and where the last one ends.
        let bounds: Vec<usize> = word
            .char_indices()
            .map(|(at, _)| at)
            .chain([word.len()])
            .collect();
        grams.extend(bounds.windows(GRAM + 1).map(|of| &word[of[0]..of[GRAM]]));
    }
    grams
}

fn fold(c: char) -> char {
    match c {
        // Katakana from ァ to ヶ, and its iteration marks, lie as far above hiragana as these constants say.
        'ァ'..='ヶ' | 'ヽ' | 'ヾ' => char::from_u32(c as u32 - ('ァ' as u32 - 'ぁ' as u32)).unwrap_or(c),
        // The wave dash and the full-width tilde are the same key on different machines; NFKC knows the latter only.
        '〜' => '~',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_word_meet() {
        for (written, normal) in [
            ("マグカップ", "まぐかっぷ"),
            ("ﾏｸﾞｶｯﾌﾟ", "まぐかっぷ"),
            ("マク\u{3099}カッフ\u{309A}", "まぐかっぷ"),
            ("ヴァイオリン", "ゔぁいおりん"),
            ("ＬＥＤデスクライト", "ledですくらいと"),
            ("３００㎖", "300ml"),
            ("23〜25cm", "23~25cm"),
            ("23～25cm", "23~25cm"),
            ("お茶・食品", "お茶・食品"),
            ("コーヒー", "こーひー"),
            ("　 鉄\tの\u{0}フライパン \n", "鉄 の ふらいぱん"),
            ("", ""),
            (" 　", ""),
        ] {
            assert_eq!(normalise(written), normal, "{written:?}");
        }
    }

    #[test]
    fn words_are_what_spaces_part() {
        assert_eq!(
            words(&normalise("青い　マグ")).collect::<Vec<_>>(),
            ["青い", "まぐ"]
        );
        assert_eq!(words("").count(), 0);
    }

    #[test]
    fn grams_are_of_one_word_each() {
        let of = |texts: &[&'static str]| grams(texts.iter().copied()).into_iter().collect::<Vec<_>>();
        assert_eq!(
            of(&["まぐかっぷ", "鍋 led led"]),
            ["led", "かっぷ", "ぐかっ", "まぐか"]
        );
        assert_eq!(of(&["青い まぐ", "ab\ncd", ""]), [""; 0]);
        assert_eq!(of(&["白いま\n𩸽の塩焼"]), ["の塩焼", "白いま", "𩸽の塩"]);
    }

    proptest! {
        #[test]
        fn a_words_grams_are_among_those_of_a_text_that_holds_it(text in "[あ-お ]{0,12}", from in 0_usize..12, to in 0_usize..12) {
            let part: String = text.chars().skip(from).take(to).collect();
            prop_assert!(grams([part.as_str()]).is_subset(&grams([text.as_str()])));
        }

        #[test]
        fn a_normalised_text_stays_as_it_is(text in any::<String>()) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn kana_of_either_kind_meet(text in "[ぁ-ゖ]{0,20}") {
            let katakana: String = text
                .chars()
                .map(|c| char::from_u32(c as u32 + 0x60).unwrap())
                .collect();
            prop_assert_eq!(normalise(&katakana), normalise(&text));
        }
    }
}
