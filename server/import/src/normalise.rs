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

fn half(symbol: char) -> char {
    match symbol {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(symbol) - 0xfee0).unwrap_or(symbol),
        '\u{3000}' => ' ',
        _ => symbol,
    }
}

fn is_blank(symbol: char) -> bool {
    symbol.is_whitespace() || symbol.is_control()
}

/// Marks that editors and copied pages leave behind: zero-width blanks, direction marks, byte order.
fn is_invisible(symbol: char) -> bool {
    matches!(symbol, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
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
    fn full_width_codes_become_plain_ones_and_names_keep_their_brackets() {
        assert_eq!(half_width("９１１１０１０８ＭＡ０１"), "91110108MA01");
        assert_eq!(half_width_digits("人民路１２号（北）"), "人民路12号（北）");
    }
}
