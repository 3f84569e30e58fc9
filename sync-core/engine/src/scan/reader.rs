//! Reading bytes without trusting any length in them.

use liuhen_trace::Refusal;

/// What is left of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

fn malformed(what: &str) -> Refusal {
    Refusal::new("change.malformed", what)
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| malformed("the bytes end early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Refusal> {
        let (byte, rest) = self.0.split_first().ok_or_else(|| malformed("the bytes end early"))?;
        self.0 = rest;
        Ok(*byte)
    }

    /// Unsigned LEB128 in its shortest form.
    pub fn unsigned(&mut self) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                return Err(malformed("a number is too large"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(malformed("a longer number than needed"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(malformed("a number is too large"))
    }

    /// Signed LEB128 in its shortest form.
    pub fn signed(&mut self) -> Result<i64, Refusal> {
        let (mut value, mut before) = (0i128, 0u8);
        for shift in (0..i64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= i128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                let sign_only = if negative { byte == 0x7f } else { byte == 0 };
                if shift > 0 && sign_only && (before & 0x40 != 0) == negative {
                    return Err(malformed("a longer number than needed"));
                }
                let value = if negative { value - (1i128 << (shift + 7)) } else { value };
                return i64::try_from(value).map_err(|_| malformed("a number is too large"));
            }
            before = byte;
        }
        Err(malformed("a number is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(bytes: &[u8]) -> Option<u64> {
        Reader::new(bytes).unsigned().ok()
    }

    fn signed(bytes: &[u8]) -> Option<i64> {
        Reader::new(bytes).signed().ok()
    }

    #[test]
    fn numbers_are_read_in_their_shortest_form_only() {
        assert_eq!(unsigned(&[0]), Some(0));
        assert_eq!(unsigned(&[0x81, 1]), Some(129));
        assert_eq!(unsigned(&[0x81, 0]), None);
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Some(u64::MAX));
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
        assert_eq!(unsigned(&[0x80; 11]), None);
        assert_eq!(unsigned(&[0x80]), None);
        assert_eq!(signed(&[0x7f]), Some(-1));
        assert_eq!(signed(&[0xff, 0x7f]), None);
        assert_eq!(signed(&[0x80, 0x7f]), Some(-128));
        assert_eq!(signed(&[0xc0, 0]), Some(64));
        assert_eq!(signed(&[0x81, 0]), None);
        let least = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        assert_eq!(signed(&least), Some(i64::MIN));
        let below = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e];
        assert_eq!(signed(&below), None);
    }
}
