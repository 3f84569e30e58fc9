//! The API as a client meets it: the whole router in this process, over a fresh data folder.

mod access;
mod casework;
mod console;
mod console_sessions;
mod deployment;
mod described;
mod devices;
mod escalation;
mod idempotency;
mod imports;
mod matrix;
mod own_password;
mod problems;
mod races;
mod second_factor;
mod serving;
mod sessions;
mod storage;
mod subjects;
