//! Texts of cells, made comparable without changing what they say.

/// Blanks of every kind become one blank, those at the ends and invisible marks go. A cell may hold
/// line breaks; the register's texts are lines.
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for symbol in text.chars() {
        if is_blank(symbol) {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !is_invisible(symbol) {
            line.push(symbol);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Full-width letters, digits and signs (`Ａ１－`) as the ones on the keyboard. Safe for codes and
/// numbers, not for names: those are registered with their full-width brackets.
pub fn half_width(text: &str) -> String {
    text.chars().map(half).collect()
}

/// Full-width digits only, as input methods leave them in house numbers.
pub fn half_width_digits(text: &str) -> String {
    text.chars().map(|symbol| if ('０'..='９').contains(&symbol) { half(symbol) } else { symbol }).collect()
}

/// What is the same however it was typed: half and full width, capitals and small letters, blanks.
/// For comparing only.
pub fn folded(text: &str) -> String {
    half_width(&line(text)).to_lowercase().replace(' ', "")
}

fn half(symbol: char) -> char {
    match symbol {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(symbol) - 0xfee0).unwrap_or(symbol),
        '\u{3000}' => ' ',
        _ => symbol,
    }
}

pub fn is_blank(symbol: char) -> bool {
    symbol.is_whitespace() || symbol.is_control()
}

/// Marks that editors and copied pages leave behind, and that make two texts look alike: what Unicode
/// lists as shown by nothing, but for the selectors that choose the form of a rare character.
pub fn is_invisible(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_joined_and_invisible_marks_go() {
        assert_eq!(line("\u{feff}　某某\u{200b}餐馆\u{a0}\n（北店） "), "某某餐馆 （北店）");
        assert_eq!(line(" \t\u{0} "), "");
    }

    #[test]
    fn marks_that_turn_the_direction_go_and_those_of_rare_characters_stay() {
        assert_eq!(line("\u{2067}甲\u{2069}\u{61c}店\u{180e}\u{202e}\u{e0041}\u{ffff}"), "甲店");
        assert_eq!(line("葛\u{e0100}"), "葛\u{e0100}");
        assert_eq!(folded("某某餐馆 （北店）Ａb"), folded("某某餐馆(北店)aB"));
    }

    #[test]
    fn full_width_codes_become_plain_ones_and_names_keep_their_brackets() {
        assert_eq!(half_width("９１１１０１０８ＭＡ０１"), "91110108MA01");
        assert_eq!(half_width_digits("人民路１２号（北）"), "人民路12号（北）");
    }
}
