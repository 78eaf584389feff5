//! One spelling for what a shopper may write in several: `ﾏｸﾞ`, `マグ` and `まぐ`; `ＬＥＤ` and `led`.
//!
//! What is stored for searching and what is searched for must pass through the same version of [`normalise`], or they no longer meet.

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

    proptest! {
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
