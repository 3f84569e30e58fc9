//! Phones against a small server in memory that keeps a real Merkle tree and gives real receipts.

mod evidence;
mod exchange;
mod folders;
mod nonsense;
mod phone;
mod repair;
mod restored;
mod saving;
mod server;
mod server_uploads;
mod trust;
