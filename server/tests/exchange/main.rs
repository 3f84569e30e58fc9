//! Phones against the real router on a temporary folder: what they hand in, what they are told,
//! what they upload, and what the ledger check says of the folder afterwards.

#[path = "../api/deployment.rs"]
#[allow(dead_code, reason = "another test binary uses the rest")]
mod deployment;

mod admission;
mod backups;
mod console;
mod damage;
mod evidence;
mod exchange;
mod hostile;
mod ledger;
mod office;
mod phone;
mod pictures;
mod progress;
mod promptness;
mod resolutions;
mod restored;
mod trace;
mod uploads;
