//! Clock and randomness of a phone. The system implementations here are the only places of this
//! crate that read an ambient clock or random source; everything else takes them as arguments.

use crate::{Error, Result};
use liuhen_trace::{BootId, Moment};
use std::{
    fs,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub trait Clock: Send + Sync {
    /// The three clocks at one moment. For display and flags: nothing is ordered by them.
    fn now(&self) -> Moment;
}

pub trait Entropy: Send + Sync {
    /// Unpredictable bytes: salts and keys hang on them.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// `N` bytes from a source.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// The device's own clocks.
pub struct SystemClock {
    boot: BootId,
    started: Instant,
    /// Monotonic milliseconds of `boot` that had passed at `started`.
    before_ms: u64,
}

impl SystemClock {
    /// Names the boot as the kernel does where it tells; elsewhere a run of the process counts as a
    /// boot, so that times of different runs are never compared.
    #[allow(clippy::disallowed_methods, reason = "the shell's one ambient clock")]
    pub fn new(entropy: &dyn Entropy) -> Result<Self> {
        let started = Instant::now();
        match kernel_boot() {
            Some((boot, before_ms)) => Ok(Self { boot, started, before_ms }),
            None => Ok(Self { boot: BootId(random(entropy)?), started, before_ms: 0 }),
        }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the shell's one ambient clock")]
    fn now(&self) -> Moment {
        let wall_ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        let running_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { wall_ms, monotonic_ms: self.before_ms.saturating_add(running_ms), boot: self.boot }
    }
}

/// Linux and Android: the boot's id and how long ago it was. `None` where either is hidden.
fn kernel_boot() -> Option<(BootId, u64)> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let before_ms = seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10;
    Some((digits.parse().ok()?, before_ms))
}

/// The operating system's random source.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "the shell's one ambient random source")]
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes)
            .map_err(|error| Error::Storage { code: "device.no_randomness", detail: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_does_not_run_backwards_within_a_boot() {
        let clock = SystemClock::new(&SystemEntropy).expect("a clock");
        let (first, second) = (clock.now(), clock.now());
        assert_eq!(first.boot, second.boot);
        assert!(first.monotonic_ms <= second.monotonic_ms);
    }
}
