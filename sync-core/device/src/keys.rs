//! The device's signing key in software: an Ed25519 seed in the folder, readable by its owner only.
//! A platform with a hardware key store passes its own [`DeviceSigner`] instead.

use crate::{
    Error, Result,
    clock::{Entropy, random},
    files,
};
use liuhen_trace::{DeviceSigner, SoftwareKey};
use std::{fs, io, path::Path, sync::Arc};

const FILE_NAME: &str = "device.key";

/// The folder's key; made, durably, when there is none.
pub fn software_key(folder: &Path, entropy: &dyn Entropy) -> Result<Arc<dyn DeviceSigner>> {
    let path = folder.join(FILE_NAME);
    let seed = match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| Error::corrupt("the device key does not have 32 bytes"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let seed: [u8; 32] = random(entropy)?;
            files::replace(&path, &seed)?;
            seed
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Arc::new(SoftwareKey::from_seed(seed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = software_key(folder.path(), &SystemEntropy).expect("a key").public_key();
        let second = software_key(folder.path(), &SystemEntropy).expect("a key").public_key();
        assert_eq!(first, second);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(FILE_NAME)).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_told_and_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE_NAME), b"short").expect("written");
        let error = software_key(folder.path(), &SystemEntropy).err().expect("refused");
        assert_eq!(error.code(), "storage.corrupt");
        assert_eq!(fs::read(folder.path().join(FILE_NAME)).expect("still there"), b"short");
    }
}
