//! The Liuhen server: registers, tasks, the exchange with phones, evidence, and the ledger that all of
//! it is written to.
//!
//! - [`routes`]: the API on one screen; a route extracts, authorises, calls, maps.
//! - [`views`]: what people may read: authorise, query, typed view.
//! - [`acts`]: every write: authorise, plan purely, then one commit of rows and leaf.
//! - [`console`]: pages for people at a desk, over the same acts and views.
//! - [`exchange`] and [`evidence`]: what phones hand in and fetch.
//! - [`ledger`]: the commit, the signer of checkpoints, and the check of both.
//! - [`backup`]: taken while serving, restored into a new epoch of the log, and before an upgrade.
//! - [`store`]: all SQL.
#![forbid(unsafe_code)]

pub mod acts;
pub mod backup;
pub mod config;
pub mod console;
pub mod control;
pub mod error;
pub mod evidence;
pub mod exchange;
pub mod founding;
pub mod ledger;
pub mod routes;
pub mod serve;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod titles;
pub mod tls;
pub mod views;

pub use error::ApiError;
pub use state::AppState;
