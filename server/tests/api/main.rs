//! The API as a client meets it: the whole router in this process, over a fresh data folder.

mod access;
mod casework;
mod deployment;
mod devices;
mod escalation;
mod problems;
mod races;
mod sessions;
mod storage;
