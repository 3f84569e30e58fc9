//! The desk device of an account: what signs an entry that somebody makes at the console.
//!
//! It is enrolled with its first entry, by an act and with a grant like a phone, and writes a chain like
//! a phone's, so that phones and the ledger check take its entries like any other. Its key is the
//! server's ([`crate::ledger::signer::Keys::desk`]); the grant says so by
//! [`liuhen_trace::grant::DESK_ROLE`], and no request can be signed with it.

use crate::{
    ApiError, AppState,
    acts::access::{Actor, devices},
    exchange::intake,
    ledger::{NewAct, Tx, clock, random},
    store::{self, CommittedRow as _, Connection, devices::DeviceRow},
};
use liuhen_engine::{
    document::Author,
    exchange::{ChainHead, check_segment},
};
use liuhen_trace::{
    BootId, ChainId, CheckedSegment, DeviceId, EntryKind, Grant, Hash, Moment, OpenEntry, PublicKey,
    SegmentHeader, SegmentView, SoftwareKey, entry::Body, grant::DESK_ROLE,
};
use serde_json::json;

/// What people see in the list of devices.
const DEVICE_NAME: &str = "办公端 / Desk";
/// Desk devices of one account: one, and another for each that was revoked.
const DEVICES_MAX: u64 = 64;

/// An account's desk, as it stood when it was read.
pub struct Seat {
    key: SoftwareKey,
    device: DeviceRow,
    /// Enrolled with the entry that is about to be written.
    is_new: bool,
    incarnation: u64,
    head: Option<ChainHead>,
}

impl Seat {
    /// The desk device in use, or a new one. Its chain begins anew in each epoch of the log: a restored
    /// database has forgotten entries of it that phones know.
    pub async fn take(state: &AppState, conn: &mut Connection, actor: &Actor) -> Result<Self, ApiError> {
        for number in 0..DEVICES_MAX {
            let key = state.ledger.desk_key(actor.id(), number);
            let id = DeviceId::derive(&key.public());
            let known = store::devices::by_id(conn, &id.to_string()).await?;
            if known.as_ref().is_some_and(|row| row.revoked_at_ms.is_some()) {
                continue;
            }
            let incarnation = state.ledger.latest().state.epoch;
            let head = intake::head(conn, ChainId::derive(id, incarnation)).await?;
            let is_new = known.is_none();
            let device = match known {
                Some(device) => device,
                None => new_device(state, conn, actor, &key.public()).await?,
            };
            return Ok(Self { key, device, is_new, incarnation, head });
        }
        Err(ApiError::conflict("device.revoked", "all desk devices of this account were revoked"))
    }

    pub fn chain(&self) -> ChainId {
        ChainId::derive(self.id(), self.incarnation)
    }

    /// Who writes the desk's next entry.
    pub fn author(&self) -> Author {
        let seq = self.head.as_ref().map_or(0, |head| head.next_seq);
        // A desk begins no epochs in a document: nothing it wrote was ever quarantined.
        Author { chain: self.chain(), seq, epoch: 0 }
    }

    /// The desk's next entry as a segment of its own.
    pub fn sign(
        &self,
        kind: EntryKind,
        body: Body,
        change: Option<Vec<u8>>,
    ) -> Result<CheckedSegment, ApiError> {
        let Author { chain, seq, .. } = self.author();
        let prev = self.head.as_ref().map_or_else(Hash::default, |head| head.last);
        let entry = OpenEntry { kind, salt: random(), body, change };
        let hash = entry.header(self.key.public().suite, chain, seq, prev).hash();
        let (suite, device) = (self.key.public().suite, self.id());
        let header = SegmentHeader::over(suite, device, self.incarnation, seq, prev, &[hash])
            .expect("a segment of one entry");
        let signature = self.key.sign_now(&header.message());
        let view = SegmentView::new(header, signature, vec![Ok(entry)]);
        Ok(check_segment(&view, &self.key.public())?)
    }

    /// Whether device and chain are still as they were read.
    pub async fn stands(&self, conn: &mut Connection) -> Result<bool, ApiError> {
        let row = store::devices::by_id(conn, &self.device.id).await?;
        let known = (!self.is_new).then_some(&self.device);
        Ok(row.as_ref() == known && intake::head(conn, self.chain()).await? == self.head)
    }

    /// Logs what [`Seat::sign`] gave, the enrolment first where there was none. Returns the leaf.
    pub async fn log(&self, tx: &mut Tx, segment: &CheckedSegment) -> Result<u64, ApiError> {
        if self.is_new {
            let device = DeviceRow { enrolled_at_ms: tx.now_ms(), ..self.device.clone() };
            store::devices::insert(tx.conn(), &device).await?;
            tx.act(NewAct {
                kind: "device.enrolled",
                actor: Some(device.account.clone()),
                detail: json!({
                    "device": device.id, "account": device.account, "name": device.name, "desk": true,
                }),
                rows: vec![device.commitment()],
                blobs: Vec::new(),
            })
            .await?;
        }
        intake::log(tx, segment, &self.device.account).await
    }

    fn id(&self) -> DeviceId {
        DeviceId::derive(&self.key.public())
    }
}

/// The server's clock: it has no boots to tell apart.
pub fn now() -> Moment {
    Moment { wall_ms: clock::now_ms(), monotonic_ms: 0, boot: BootId::default() }
}

async fn new_device(
    state: &AppState,
    conn: &mut Connection,
    actor: &Actor,
    key: &PublicKey,
) -> Result<DeviceRow, ApiError> {
    let mut roles = actor.roles.names();
    roles.push(DESK_ROLE.to_owned());
    roles.sort();
    let grant = Grant { roles, offline_hours: 0, ..devices::plan_grant(state, conn, actor, key).await? };
    Ok(devices::plan_row(actor, key, DEVICE_NAME.to_owned(), &state.ledger.sign_grant(grant)))
}
