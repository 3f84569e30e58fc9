//! Who this folder belongs to.

use super::{Connection, Tx};
use crate::{Error, Result};
use liuhen_trace::{Canonical, DeviceId, Grant, PublicKey, SignedGrant, Suite};
use rusqlite::{OptionalExtension as _, params};

#[derive(Debug, Clone)]
pub struct Identity {
    pub server: String,
    pub origin: String,
    pub device: DeviceId,
    pub device_name: String,
    pub grant: SignedGrant,
    pub log_key: PublicKey,
    pub deployment_key: PublicKey,
    pub enrolled_ms: i64,
}

impl Identity {
    /// The grant's content; its signature was checked before it was stored.
    pub fn grant(&self) -> Result<Grant> {
        Grant::from_canonical(&self.grant.bytes).map_err(Error::corrupt)
    }

    /// The suite of the enrolled key, which every entry and segment names.
    pub fn suite(&self) -> Result<Suite> {
        Ok(self.grant()?.device_key.suite)
    }
}

pub fn read(db: &Connection) -> Result<Option<Identity>> {
    let mut statement = db.prepare_cached(
        "SELECT server, origin, device, device_name, signed_grant, log_key, deployment_key, enrolled_ms
         FROM identity",
    )?;
    let row = statement
        .query_row([], |row| {
            let keys: (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?, row.get(6)?);
            let names: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
            Ok((names, DeviceId(row.get(2)?), keys, row.get(7)?))
        })
        .optional()?;
    let Some(((server, origin, device_name), device, (grant, log_key, deployment_key), enrolled_ms)) = row
    else {
        return Ok(None);
    };
    Ok(Some(Identity {
        server,
        origin,
        device,
        device_name,
        grant: SignedGrant::from_canonical(&grant).map_err(Error::corrupt)?,
        log_key: PublicKey::from_canonical(&log_key).map_err(Error::corrupt)?,
        deployment_key: PublicKey::from_canonical(&deployment_key).map_err(Error::corrupt)?,
        enrolled_ms,
    }))
}

pub fn insert(tx: &Tx, identity: &Identity) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO identity
         (one, server, origin, device, device_name, signed_grant, log_key, deployment_key, enrolled_ms)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        identity.server,
        identity.origin,
        identity.device.0,
        identity.device_name,
        identity.grant.to_canonical(),
        identity.log_key.to_canonical(),
        identity.deployment_key.to_canonical(),
        identity.enrolled_ms,
    ])?;
    Ok(())
}

/// A grant that takes the place of one the deployment has forgotten.
pub fn set_grant(tx: &Tx, grant: &SignedGrant) -> Result<()> {
    tx.execute("UPDATE identity SET signed_grant = ?1", [grant.to_canonical()])?;
    Ok(())
}

/// The mark of the folder this database was last opened in.
pub fn folder_mark(db: &Connection) -> Result<Option<String>> {
    Ok(db.query_row("SELECT mark FROM folder", [], |row| row.get(0)).optional()?)
}

pub fn set_folder_mark(tx: &Tx, mark: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO folder (one, mark) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET mark = excluded.mark",
        [mark],
    )?;
    Ok(())
}
