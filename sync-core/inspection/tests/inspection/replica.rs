//! Phones of a test: each with its own copy of one visit, exchanging changes.

use liuhen_engine::{
    document::{Admission, Author, Document, Pending, Put},
    field::{ActorId, Scalar},
    shape::Path,
};
use liuhen_inspection::{
    checklist::Checklist,
    conflict::{Writer, Writers},
    task::Task,
    visit::{self, Edit},
};
use liuhen_trace::{ChainId, DocumentId};

pub const VISIT: DocumentId = DocumentId(*b"\x01\x9a\x00visit-golden!");

pub fn checklist() -> Checklist {
    Checklist::from_json(include_bytes!("../golden/checklist.json")).expect("the sample keeps the rules")
}

pub fn task() -> Task {
    let json = include_bytes!("../golden/task.json");
    serde_json::from_slice(json).expect("the sample is a task")
}

pub fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

/// One phone. Phones 0 and 1 are the same person's.
pub struct Phone {
    pub document: Document,
    pub chain: ChainId,
    pub seq: u64,
}

/// A change with the entry it came in.
#[derive(Clone)]
pub struct Sent {
    pub author: Author,
    pub chunk: Vec<u8>,
}

impl Phone {
    pub fn new(number: u8) -> Self {
        let checklist = checklist();
        let skeleton = visit::skeleton(&checklist, VISIT);
        let document = Document::new(VISIT, visit::shape(&checklist), &skeleton).expect("our own skeleton");
        Self { document, chain: ChainId([number; 16]), seq: 0 }
    }

    /// The next entry's place.
    pub fn author(&mut self) -> Author {
        self.seq += 1;
        Author { chain: self.chain, seq: self.seq, epoch: 0 }
    }

    /// Saves some edits; `None` when they change nothing.
    pub fn save(&mut self, edits: &[Edit]) -> Option<Sent> {
        let author = self.author();
        let plan = visit::plan(&checklist(), edits, author.chain, author.seq).expect("allowed edits");
        let chunk = self.document.edit(author, &plan.puts).expect("an admissible edit")?;
        Some(Sent { author, chunk })
    }

    /// Writes without the checks of [`visit::plan`], as another app could.
    pub fn put(&mut self, path: Path, value: Scalar) -> Sent {
        let author = self.author();
        let chunk = self.document.edit(author, &[Put { path, value }]).expect("an admissible edit");
        Sent { author, chunk: chunk.expect("a new value") }
    }

    pub fn receive(&mut self, sent: &[Sent]) {
        let pending: Vec<Pending> =
            sent.iter().map(|sent| Pending { author: sent.author, chunk: &sent.chunk }).collect();
        for admission in self.document.admit_all(&pending) {
            assert!(matches!(admission, Admission::Admitted | Admission::Duplicate), "{admission:?}");
        }
    }
}

/// The people behind phones 0 to 3: the first has two.
pub fn writers() -> Writers {
    let people = [(0, "wang", "王晓芳"), (1, "wang", "王晓芳"), (2, "li", "李建国"), (3, "zhao", "赵敏")];
    let writers = people.map(|(number, account, name)| {
        let chain = ChainId([number; 16]);
        let writer = Writer { chain, account: account.into(), name: name.to_owned() };
        (ActorId::derive(chain, VISIT, 0), writer)
    });
    writers.into()
}
