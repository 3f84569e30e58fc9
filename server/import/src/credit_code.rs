//! The unified social credit code (统一社会信用代码) of GB 32100-2015.

const LENGTH: usize = 18;
/// The standard's alphabet: no I, O, S, V and Z, which are read as digits or as one another.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Whether a code has the length and the letters of a credit code.
pub fn is_shaped(code: &str) -> bool {
    code.len() == LENGTH && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether the last character follows from those before it (section 4.2.4 and annex A): weights are the
/// powers of 3 modulo 31.
pub fn is_sound(code: &str) -> bool {
    let Some(values) = values(code) else { return false };
    let (mut sum, mut weight) = (0, 1);
    for value in &values[..LENGTH - 1] {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    values[LENGTH - 1] == (31 - sum % 31) % 31
}

fn values(code: &str) -> Option<[usize; LENGTH]> {
    let bytes: &[u8; LENGTH] = code.as_bytes().try_into().ok()?;
    let mut values = [0; LENGTH];
    for (value, byte) in values.iter_mut().zip(bytes) {
        *value = ALPHABET.iter().position(|letter| letter == byte)?;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, with the right last character.
    const SOUND: &str = "91350100M000100Y43";

    #[test]
    fn a_code_with_its_check_digit_is_sound_and_a_slip_in_any_place_shows() {
        assert!(is_sound(SOUND));
        for at in 0..LENGTH {
            let mut slipped = SOUND.to_owned().into_bytes();
            slipped[at] = if slipped[at] == b'7' { b'8' } else { b'7' };
            assert!(!is_sound(std::str::from_utf8(&slipped).expect("ASCII")), "at {at}");
        }
    }

    #[test]
    fn letters_outside_the_alphabet_and_other_lengths_are_not_sound() {
        assert!(!is_sound("91350100M000100O43"));
        assert!(!is_sound("350100400000000"));
        assert!(!is_shaped("350100400000000") && is_shaped("91350100M000100O43"));
        assert!(!is_shaped("九一三五〇一"));
    }
}
