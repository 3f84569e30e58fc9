//! The deployment's keys, and the signer of checkpoints.
//!
//! The signer keeps what it signed last in a file of its own: a database that was rolled back or
//! rewritten does not get a second signature over a history that differs from the first.

use anyhow::{Context, ensure};
use liuhen_trace::{
    CheckpointKey, CheckpointRef, EpochProof, Hash, NoteKey, SoftwareKey, checkpoint::Checkpoint, digest,
    merkle::RangeProof,
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

pub const STATE_FILE: &str = "checkpoint";
pub const ORIGIN_FILE: &str = "origin";
/// Of files that are being written.
pub const BESIDE_SUFFIX: &str = ".new";

/// The keys, which never change while the server runs.
pub struct Keys {
    log: CheckpointKey,
    deployment: SoftwareKey,
    session_secret: [u8; 32],
    desk_secret: Hash,
}

/// Signs checkpoints; one at a time.
pub struct Signer {
    keys: Arc<Keys>,
    state_file: PathBuf,
    last: Option<(Checkpoint, String)>,
}

impl Keys {
    pub fn origin(&self) -> &str {
        &self.log.origin
    }

    pub fn note_key(&self) -> NoteKey {
        self.log.public()
    }

    /// Signs grants.
    pub fn deployment(&self) -> &SoftwareKey {
        &self.deployment
    }

    /// The key of an account's `number`th desk device. It is derived from the deployment's key, which
    /// could grant any key anyway, so there is nothing more to keep, and nothing in the database.
    pub fn desk(&self, account: &str, number: u64) -> SoftwareKey {
        let parts = [self.desk_secret.as_bytes(), &number.to_be_bytes()[..], account.as_bytes()];
        SoftwareKey::from_seed(digest::tagged("liuhen/desk-key/1", &parts).0)
    }

    /// Signs the access tokens of accounts.
    pub fn session_secret(&self) -> &[u8; 32] {
        &self.session_secret
    }
}

impl Signer {
    /// Opens the signer's folder. Keys are made on first use; afterwards all of them must be there.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        if !folder.join(ORIGIN_FILE).exists() {
            create(folder).with_context(|| format!("creating keys in {}", folder.display()))?;
        }
        let origin = fs::read_to_string(folder.join(ORIGIN_FILE))?;
        let deployment = read_key(folder, "deployment.key")?;
        let keys = Keys {
            log: CheckpointKey { origin, key: SoftwareKey::from_seed(read_key(folder, "log.key")?) },
            deployment: SoftwareKey::from_seed(deployment),
            desk_secret: digest::tagged("liuhen/desk-secret/1", &[&deployment]),
            session_secret: read_key(folder, "session.key")?,
        };
        let state_file = folder.join(STATE_FILE);
        let last = match fs::read_to_string(&state_file) {
            Ok(note) => {
                let checkpoint = keys.note_key().check(&note).context("the signer's own checkpoint")?;
                Some((checkpoint, note))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context("reading the signer's checkpoint"),
        };
        Ok(Self { keys: Arc::new(keys), state_file, last })
    }

    /// Whether keys were made in this folder before.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(ORIGIN_FILE).is_file()
    }

    pub fn keys(&self) -> Arc<Keys> {
        self.keys.clone()
    }

    /// What was signed last, with its note.
    pub fn last(&self) -> Option<(CheckpointRef, &str)> {
        self.last.as_ref().map(|(checkpoint, note)| (checkpoint.state, note.as_str()))
    }

    /// Signs `state`, which must be an extension of what was signed last; `consistency` shows it.
    ///
    /// The state file is on disk before the note is given away; one sync a group commit. Its name
    /// may still be the older file's after a power cut, and an older state is one that every later
    /// tree must extend as well.
    pub fn sign(&mut self, state: CheckpointRef, consistency: &RangeProof) -> anyhow::Result<String> {
        if let Some((last, note)) = &self.last
            && last.state == state
        {
            return Ok(note.clone());
        }
        self.check_extends(state.epoch, state, consistency)?;
        self.write(state)
    }

    /// Signs the first state of a later epoch: its newest leaf is the act that opens it, behind a tree
    /// that extends what was signed last.
    pub fn open_epoch(
        &mut self,
        state: CheckpointRef,
        opened: &EpochProof,
        consistency: &RangeProof,
    ) -> anyhow::Result<String> {
        let opening = opened.verify(&state).context("signer.no_epoch")?;
        ensure!(opening.epoch == state.epoch, "signer.other_epoch: epoch {} was opened", opening.epoch);
        ensure!(opening.leaf() + 1 == state.size, "signer.other_epoch: opened before leaf {}", state.size);
        self.check_extends(opening.after.epoch, state, consistency)?;
        self.write(state)
    }

    /// Whether what was signed last is of `epoch` and a smaller tree that `state` continues.
    fn check_extends(
        &self,
        epoch: u64,
        state: CheckpointRef,
        consistency: &RangeProof,
    ) -> anyhow::Result<()> {
        let Some((Checkpoint { state: last, .. }, _)) = &self.last else { return Ok(()) };
        ensure!(last.epoch == epoch, "signer.other_epoch: epoch {} was signed last", last.epoch);
        ensure!(last.size < state.size, "signer.smaller_tree: {} leaves were signed before", last.size);
        consistency
            .verify_consistency(last.size, last.root, state.size, state.root)
            .context("signer.forked_tree: the tree signed last is no prefix of this one")
    }

    fn write(&mut self, state: CheckpointRef) -> anyhow::Result<String> {
        let note = self.keys.log.sign(state);
        write_replacing(&self.state_file, note.as_bytes())?;
        self.last = Some((Checkpoint { origin: self.keys.origin().to_owned(), state }, note.clone()));
        Ok(note)
    }
}

fn create(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    restrict(folder, 0o700)?;
    for name in ["log.key", "deployment.key", "session.key"] {
        let path = folder.join(name);
        if !path.exists() {
            write_replacing(&path, hex::encode(crate::ledger::random::<32>()).as_bytes())?;
        }
    }
    let origin = format!("liuhen-{}", hex::encode(crate::ledger::random::<8>()));
    write_replacing(&folder.join(ORIGIN_FILE), origin.as_bytes())?;
    // The keys are there for good before anything is signed with them.
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn read_key(folder: &Path, name: &str) -> anyhow::Result<[u8; 32]> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key).with_context(|| format!("{} is no key", path.display()))?;
    Ok(key)
}

/// Writes beside, syncs and renames, so that a crash leaves the old content or the new, whole.
fn write_replacing(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    restrict(&beside, 0o600)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(())
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_trace::{
        ActHeader, Canonical as _, EpochOpening, Leaf,
        act::ActBody,
        epoch::EPOCH_KIND,
        merkle::{Tree, leaf_hash},
    };

    fn grow(tree: &mut Tree, leaf: &[u8]) -> CheckpointRef {
        tree.append(leaf_hash(leaf));
        CheckpointRef { epoch: 1, size: tree.size(), root: tree.root() }
    }

    /// Of trees this small the larger one's proof is the smaller one's row and the new leaf.
    fn one_more(before: &Tree, leaf: &[u8]) -> RangeProof {
        RangeProof { left: before.row(), right: vec![leaf_hash(leaf)] }
    }

    #[test]
    fn another_epoch_is_signed_for_the_act_that_opens_it_and_for_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut signer = Signer::open(folder.path()).expect("fresh keys");
        let mut tree = Tree::default();
        let first = grow(&mut tree, b"a");
        signer.sign(first, &RangeProof::default()).expect("the first tree");
        let before = tree.clone();
        let next = CheckpointRef { epoch: 2, ..grow(&mut tree.clone(), b"b") };
        assert!(signer.sign(next, &one_more(&before, b"b")).is_err(), "no act opened it");

        let opening = |epoch, after| {
            let opening = EpochOpening { epoch, after, note: None };
            let body = ActBody { epoch: Some(opening), ..ActBody::default() }.to_canonical();
            let header = ActHeader::commit(EPOCH_KIND, 0, &[1; 16], &body);
            let leaf = Leaf::Act(header.clone()).to_bytes();
            let mut tree = before.clone();
            let state = CheckpointRef { epoch, ..grow(&mut tree, &leaf) };
            let proof = RangeProof { left: before.row(), right: Vec::new() };
            (state, EpochProof { header, salt: [1; 16], body, proof }, one_more(&before, &leaf))
        };
        let (state, opened, consistency) = opening(2, CheckpointRef { epoch: 7, ..first });
        assert!(signer.open_epoch(state, &opened, &consistency).is_err(), "behind another epoch");
        let (state, opened, consistency) = opening(2, first);
        let renamed = CheckpointRef { epoch: 3, ..state };
        assert!(signer.open_epoch(renamed, &opened, &consistency).is_err(), "another number");
        let forked = RangeProof { left: vec![leaf_hash(b"x")], ..consistency.clone() };
        assert!(signer.open_epoch(state, &opened, &forked).is_err(), "another tree before it");
        signer.open_epoch(state, &opened, &consistency).expect("the honest opening");
        let signed = Signer::open(folder.path()).expect("the same keys").last().map(|(state, _)| state);
        assert_eq!(signed, Some(state));
        assert!(signer.sign(first, &RangeProof::default()).is_err(), "there is no way back");
    }

    #[test]
    fn a_smaller_or_forked_tree_is_not_signed_even_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut signer = Signer::open(folder.path()).expect("fresh keys");
        let (mut tree, mut fork) = (Tree::default(), Tree::default());
        let first = grow(&mut tree, b"a");
        let note = signer.sign(first, &RangeProof::default()).expect("the first tree");
        let before = tree.clone();
        let second = grow(&mut tree, b"b");
        signer.sign(second, &one_more(&before, b"b")).expect("an extension");

        let mut signer = Signer::open(folder.path()).expect("the same keys");
        assert!(signer.keys().note_key().check(&note).is_ok());
        assert!(signer.sign(first, &RangeProof::default()).is_err());
        grow(&mut fork, b"x");
        grow(&mut fork, b"y");
        let before = fork.clone();
        let forked = grow(&mut fork, b"z");
        assert!(signer.sign(forked, &one_more(&before, b"z")).is_err());
        let before = tree.clone();
        let third = grow(&mut tree, b"c");
        signer.sign(third, &one_more(&before, b"c")).expect("the honest extension");
    }
}
