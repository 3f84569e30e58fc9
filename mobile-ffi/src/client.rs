//! One phone as the app sees it.

use crate::{
    CallbackError, MobileError,
    records::{
        Attached, Budget, Enrolment, Event, FindingChange, NewEnrolment, NewEvidence, NewFinding, NewNote,
        NewRefusal, Place, Saved, Sealed, Signer, Status, SyncReport, Task, Value, Visit, parse_id,
    },
};
use liuhen_device as device;
use liuhen_inspection::{
    record::{self, RefusalDetail},
    visit::{Edit, VisitField, parse_path},
};
use liuhen_trace::{self as trace, DocumentId};
use std::{path::Path, sync::Arc};

/// Told how far a file is stored, from the thread that attaches it. An error thrown here is passed
/// over: a broken progress bar must not cost a photo.
#[uniffi::export(with_foreign)]
pub trait AttachProgress: Send + Sync {
    fn stored(&self, bytes: u64, bytes_total: u64) -> Result<(), CallbackError>;
}

/// One phone: a folder with one enrolment. Keep one client for a folder and call it from any thread.
///
/// When a call that writes returns, what it wrote is durable.
#[derive(uniffi::Object)]
pub struct Client {
    device: device::Client,
}

impl Client {
    /// Over a device client with an outside world of the caller's own, for drivers and tests.
    pub fn over(device: device::Client) -> Arc<Self> {
        Arc::new(Self { device })
    }

    fn save(&self, visit: &str, edits: &[Edit], place: Option<Place>) -> Result<Saved, MobileError> {
        Ok(self.device.save(id(visit)?, edits, parse(place)?)?.into())
    }

    fn shown(&self, snapshot: device::VisitSnapshot) -> Result<Visit, MobileError> {
        let unknown = || MobileError::from(device::Error::not_found("visit.unknown", snapshot.visit));
        let tasks = self.device.tasks()?;
        let task = tasks.into_iter().find(|task| task.visit == snapshot.visit).ok_or_else(unknown)?;
        Ok(Visit::new(snapshot, task))
    }
}

fn id(visit: &str) -> Result<DocumentId, MobileError> {
    parse_id(visit)
}

fn parse(place: Option<Place>) -> Result<Option<trace::Place>, MobileError> {
    place.map(Place::parse).transpose()
}

#[uniffi::export]
impl Client {
    /// Opens the phone's folder, or makes it. Everything that was saved is there again.
    #[uniffi::constructor]
    pub fn open(folder: String) -> Result<Arc<Self>, MobileError> {
        Ok(Self::over(device::Client::open(Path::new(&folder))?))
    }

    /// Enrols this phone for a person, over the network.
    ///
    /// Of an account with a second factor the server refuses by `session.code_required` what has no
    /// code: ask for it and call again. `session.wrong_code` says that password or code is wrong, or
    /// that the code was used: take the next one.
    pub fn enrol(&self, new: NewEnrolment) -> Result<Enrolment, MobileError> {
        let enrolled = self.device.enrol(device::NewEnrolment {
            server: &new.server,
            login: &new.login,
            password: &new.password,
            code: new.code.as_deref(),
            device_name: &new.device_name,
        });
        Ok(enrolled?.into())
    }

    /// Who this phone acts for; absent before it is enrolled.
    pub fn enrolment(&self) -> Result<Option<Enrolment>, MobileError> {
        Ok(self.device.enrolment()?.map(Enrolment::from))
    }

    /// Every task on this phone, the one that changed last first.
    pub fn tasks(&self) -> Result<Vec<Task>, MobileError> {
        Ok(self.device.tasks()?.into_iter().map(Task::from).collect())
    }

    /// The visit for a person who looks at it: the first time is recorded as a step of the task.
    pub fn open_visit(&self, visit: String) -> Result<Visit, MobileError> {
        self.shown(self.device.open_visit(id(&visit)?)?)
    }

    /// The visit as it stands, without recording anything.
    pub fn visit(&self, visit: String) -> Result<Visit, MobileError> {
        self.shown(self.device.visit(id(&visit)?)?)
    }

    /// The person takes the task on.
    pub fn claim(&self, visit: String) -> Result<(), MobileError> {
        Ok(self.device.claim(id(&visit)?)?)
    }

    /// Answers an item of the checklist; `Null` retracts.
    #[uniffi::method(default(place = None))]
    pub fn answer(
        &self,
        visit: String,
        item: String,
        value: Value,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        self.save(&visit, &[Edit::answer(&item, value.into())], place)
    }

    /// Remarks on an item in the person's own words.
    #[uniffi::method(default(place = None))]
    pub fn remark(
        &self,
        visit: String,
        item: String,
        text: String,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        self.save(&visit, &[Edit::remark(&item, &text)], place)
    }

    /// Fills in a field of the visit itself; `Null` retracts.
    #[uniffi::method(default(place = None))]
    pub fn set_visit_field(
        &self,
        visit: String,
        field: VisitField,
        value: Value,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        self.save(&visit, &[Edit::field(field, value.into())], place)
    }

    /// Adds a note.
    #[uniffi::method(default(place = None))]
    pub fn add_note(&self, visit: String, note: NewNote, place: Option<Place>) -> Result<Saved, MobileError> {
        self.save(&visit, &[note.into()], place)
    }

    /// Adds a finding.
    #[uniffi::method(default(place = None))]
    pub fn add_finding(
        &self,
        visit: String,
        finding: NewFinding,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        self.save(&visit, &[finding.try_into()?], place)
    }

    /// Changes a finding, one's own or a colleague's.
    #[uniffi::method(default(place = None))]
    pub fn update_finding(
        &self,
        visit: String,
        finding: String,
        change: FindingChange,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        self.save(&visit, &change.edits(&finding), place)
    }

    /// Decides a disagreement, by the path the conflict names.
    #[uniffi::method(default(place = None))]
    pub fn resolve(
        &self,
        visit: String,
        path: String,
        value: Value,
        place: Option<Place>,
    ) -> Result<Saved, MobileError> {
        let path = parse_path(&path)?;
        self.save(&visit, &[Edit::Resolve { path, value: value.into() }], place)
    }

    /// Stores a file with the visit, byte for byte. When this returns it is durable and announced.
    #[uniffi::method(default(progress = None))]
    pub fn attach(
        &self,
        visit: String,
        evidence: NewEvidence,
        progress: Option<Arc<dyn AttachProgress>>,
    ) -> Result<Attached, MobileError> {
        let mut told = |bytes, bytes_total| {
            if let Some(progress) = &progress {
                progress.stored(bytes, bytes_total).unwrap_or_default();
            }
        };
        Ok(self.device.attach(id(&visit)?, evidence.try_into()?, &mut told)?.into())
    }

    /// Where the bytes of a file stand on this phone.
    pub fn evidence_path(&self, blob: String) -> Result<String, MobileError> {
        Ok(self.device.evidence_path(parse_id(&blob)?)?.to_string_lossy().into_owned())
    }

    /// Seals the visit as it stands. Later edits are supplements.
    #[uniffi::method(default(place = None))]
    pub fn seal(
        &self,
        visit: String,
        signers: Vec<Signer>,
        place: Option<Place>,
    ) -> Result<Sealed, MobileError> {
        let signers = signers.into_iter().map(record::Signer::try_from).collect::<Result<_, _>>()?;
        Ok(self.device.seal(id(&visit)?, signers, parse(place)?)?.into())
    }

    /// Records that the inspected party refuses to sign; returns the entry's hash.
    #[uniffi::method(default(place = None))]
    pub fn refuse_to_sign(
        &self,
        visit: String,
        refusal: NewRefusal,
        place: Option<Place>,
    ) -> Result<String, MobileError> {
        let refusal = RefusalDetail::try_from(refusal)?;
        Ok(self.device.refuse_to_sign(id(&visit)?, &refusal, parse(place)?)?.to_string())
    }

    /// Hands in, receives and uploads within the budget, or everything there is. `suspend` from
    /// another thread ends it at its next step; nothing is lost.
    #[uniffi::method(default(budget = None))]
    pub fn synchronise(&self, budget: Option<Budget>) -> Result<SyncReport, MobileError> {
        let budget = budget.map_or_else(device::Budget::default, device::Budget::from);
        Ok(self.device.synchronise(budget)?.into())
    }

    /// Events behind the one with id `after`, oldest first.
    pub fn events(&self, after: u64, count_max: u32) -> Result<Vec<Event>, MobileError> {
        Ok(self.device.events(after, count_max)?.into_iter().map(Event::from).collect())
    }

    /// What is not handed in yet, what is stuck and why.
    pub fn status(&self) -> Result<Status, MobileError> {
        Ok(self.device.status()?.into())
    }

    /// Signed notes of the server over leaves that it lost, since it was restored from a backup, oldest
    /// first: they show what stood in the ledger. An event `ledger.epoch_opened` tells of each.
    pub fn lost_checkpoints(&self) -> Result<Vec<String>, MobileError> {
        Ok(self.device.lost_checkpoints()?)
    }

    /// Lets go of the database, so that the system may freeze the app. The next call goes on.
    pub fn suspend(&self) -> Result<(), MobileError> {
        Ok(self.device.suspend()?)
    }

    /// As `suspend`, for good.
    pub fn close(&self) -> Result<(), MobileError> {
        Ok(self.device.close()?)
    }
}
