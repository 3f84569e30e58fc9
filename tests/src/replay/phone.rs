//! Being a phone: a process that opens one folder through the phone core's own surface and does what
//! the lines on its standard input say. It knows nothing of the set or of what is expected.

use super::{
    photo::{Exhibit, Photo},
    pipe::{Command, Reply, Spot, Synchronised},
    plan::{Finding, Save, Value},
};
use anyhow::{Context, Result};
use liuhen_inspection::{
    record::SignerRole,
    visit::{EvidenceSource, VisitField},
};
use liuhen_mobile::{
    Client, MobileError,
    records::{
        Evidence, EvidenceContent, Finding as ShownFinding, FindingChange, NewEnrolment, NewEvidence,
        NewFinding, NewNote, NewRefusal, Place, Response, Signer, SyncReport, Value as MobileValue, Visit,
    },
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

/// Obeys until standard input ends.
pub fn obey(folder: &Path) -> Result<()> {
    let camera = folder.join("camera");
    fs::create_dir_all(&camera).with_context(|| camera.display().to_string())?;
    let client = Client::open(folder.join("core").to_string_lossy().into_owned())?;
    let phone = Phone { client, camera };
    for line in std::io::stdin().lock().lines() {
        let command: Command = serde_json::from_str(&line?).context("a command")?;
        let end = phone.carry_out(command).unwrap_or_else(|error| Reply::Failed {
            code: error.downcast_ref::<MobileError>().map_or("phone", MobileError::code).to_owned(),
            detail: format!("{error:#}"),
        });
        say(&end)?;
    }
    Ok(phone.client.close()?)
}

/// One line, out of this process before anything else happens.
fn say(reply: &Reply) -> Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    output.write_all(&line)?;
    Ok(output.flush()?)
}

struct Phone {
    client: Arc<Client>,
    /// Where the camera app leaves its photos.
    camera: PathBuf,
}

impl Phone {
    fn carry_out(&self, command: Command) -> Result<Reply> {
        match command {
            Command::Enrol { server, login, password, name } => {
                self.client.enrol(NewEnrolment { server, login, password, device_name: name, code: None })?;
                Ok(Reply::Done)
            }
            Command::Save { visit, saves, spot } => {
                let place = spot.map(place);
                for (n, save) in saves.into_iter().enumerate() {
                    self.save(&visit, save, place)?;
                    say(&Reply::Saved { n })?;
                }
                Ok(Reply::Done)
            }
            Command::View { visit } => Ok(Reply::View(shown(&self.client.visit(visit)?))),
            Command::Synchronise => {
                let report = self.client.synchronise(None)?;
                Ok(Reply::Synchronised(self.synchronised(report)?))
            }
        }
    }

    fn synchronised(&self, report: SyncReport) -> Result<Synchronised> {
        let status = self.client.status()?;
        let left = status.unsent_entries + status.unsent_blobs;
        Ok(Synchronised {
            exchanges: u64::from(report.exchanges),
            upload_bytes_sent: report.upload_bytes_sent,
            upload_bytes_resent: report.upload_bytes_resent,
            complete: !report.more && left == 0 && report.failures.is_empty(),
            behind: status.ledger_size.unwrap_or(0).saturating_sub(status.cursor.unwrap_or(0)),
            retry_in_ms: report.retry_in_ms.unwrap_or(0),
            failures: report
                .failures
                .iter()
                .map(|failure| format!("{}: {}", failure.code, failure.detail))
                .collect(),
        })
    }

    fn save(&self, visit: &str, save: Save, at: Option<Place>) -> Result<()> {
        let (client, visit) = (&self.client, visit.to_owned());
        match save {
            Save::Claim => {
                client.open_visit(visit.clone())?;
                client.claim(visit)?;
            }
            Save::Answer { item, value } => drop(client.answer(visit, item, mobile(value), at)?),
            Save::Remark { item, text } => drop(client.remark(visit, item, text, at)?),
            Save::Field { field, value } => {
                let field: VisitField = field.parse().map_err(MobileError::from)?;
                client.set_visit_field(visit, field, mobile(value), at)?;
            }
            Save::Finding(finding) => drop(client.add_finding(visit, new_finding(&finding), at)?),
            Save::Correct { finding, corrected } => self.correct(visit, &finding, corrected)?,
            Save::Note { item, text } => {
                drop(client.add_note(visit, NewNote { text, item: Some(item) }, at)?)
            }
            Save::Attach(exhibit) => self.attach(visit, exhibit, at)?,
            Save::Resolve { path, value } => drop(client.resolve(visit, path, mobile(value), at)?),
            Save::Seal { party, signatures } => self.seal(visit, party, &signatures, at)?,
            Save::Refuse { party, reason } => self.refuse(visit, party, reason)?,
        }
        Ok(())
    }

    fn correct(&self, visit: String, wanted: &Finding, corrected: String) -> Result<()> {
        let same = |finding: &ShownFinding| typed(&finding_json(finding)) == *wanted;
        let id = self.finding(&visit, same)?.context("the finding to correct is not there")?;
        let corrected = Some(MobileValue::Text { value: corrected });
        self.client.update_finding(
            visit,
            id,
            FindingChange { corrected, ..FindingChange::default() },
            None,
        )?;
        Ok(())
    }

    fn finding(&self, visit: &str, wanted: impl Fn(&ShownFinding) -> bool) -> Result<Option<String>> {
        let shown = self.client.visit(visit.to_owned())?;
        Ok(shown.findings.into_iter().find(|finding| wanted(finding)).map(|finding| finding.id))
    }

    /// The camera app writes a file; the app takes it over and the original may go.
    fn attach(&self, visit: String, exhibit: Exhibit, at: Option<Place>) -> Result<()> {
        let Exhibit { photo, item, finding, caption } = exhibit;
        let path = photo.place(&self.camera)?;
        let finding = match finding {
            None => None,
            Some(text) => {
                let shown = self.finding(&visit, |finding| finding.text.as_ref() == Some(&text))?;
                Some(shown.with_context(|| format!("no finding says {text:?}"))?)
            }
        };
        let media_type = photo.media_type();
        let evidence = NewEvidence {
            content: EvidenceContent::File { path: path.to_string_lossy().into_owned() },
            media_type: media_type.to_owned(),
            source: match media_type.starts_with("audio/") {
                true => EvidenceSource::Recorder,
                false => EvidenceSource::Camera,
            },
            item,
            finding,
            caption,
            captured_at_ms: captured_at_ms(&photo, &path)?,
            place: at,
        };
        self.client.attach(visit, evidence, None)?;
        if matches!(photo, Photo::Generated { .. }) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn seal(
        &self,
        visit: String,
        party: Option<String>,
        signatures: &BTreeMap<String, PathBuf>,
        at: Option<Place>,
    ) -> Result<()> {
        let mut signers = Vec::new();
        for assignee in self.client.visit(visit.clone())?.task.assignees {
            signers.push(Signer {
                role: SignerRole::Inspector,
                signature: signature_of(signatures, &assignee.name)?,
                name: assignee.name,
                account: Some(assignee.account),
                certificate_no: Some(assignee.certificate_no),
            });
        }
        if let Some(name) = party {
            let signature = signature_of(signatures, &name)?;
            signers.push(Signer {
                role: SignerRole::Party,
                name,
                account: None,
                certificate_no: None,
                signature,
            });
        }
        self.client.seal(visit, signers, at)?;
        Ok(())
    }

    fn refuse(&self, visit: String, party: String, reason: String) -> Result<()> {
        let seal =
            self.client.visit(visit.clone())?.seal.context("nothing was sealed that could be refused")?;
        let witnesses = vec!["Witness 见证人".to_owned()];
        let refusal = NewRefusal { record_hash: seal.record_hash, party, reason, witnesses };
        self.client.refuse_to_sign(visit, refusal, None)?;
        Ok(())
    }
}

/// What a phone in the open gets from its satellites, in metres.
const ACCURACY_M: f64 = 8.0;

fn place(spot: Spot) -> Place {
    let Spot { latitude, longitude } = spot;
    Place { latitude, longitude, accuracy_m: ACCURACY_M, mock: false }
}

/// What the camera app says: when it wrote the file. A made-up photo has no camera.
fn captured_at_ms(photo: &Photo, path: &Path) -> Result<Option<i64>> {
    if matches!(photo, Photo::Generated { .. }) {
        return Ok(None);
    }
    let written = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH)?;
    Ok(Some(i64::try_from(written.as_millis())?))
}

/// The hash of the picture of a person's signature, where there is one.
fn signature_of(signatures: &BTreeMap<String, PathBuf>, name: &str) -> Result<Option<String>> {
    let Some(path) = signatures.get(name) else { return Ok(None) };
    let (_, hash) = Photo::File(path.clone()).fingerprint()?;
    Ok(Some(hash.to_string()))
}

fn mobile(value: Value) -> MobileValue {
    match value {
        Value::Bool(value) => MobileValue::Bool { value },
        Value::Int(value) => MobileValue::Int { value },
        Value::Text(value) => MobileValue::Text { value },
    }
}

fn new_finding(finding: &Finding) -> NewFinding {
    let text = |key: &str| match finding.get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let days_to_correct = match finding.get("days_to_correct") {
        Some(Value::Int(days)) => Some(*days),
        _ => None,
    };
    let corrected = match finding.get("corrected") {
        Some(Value::Bool(corrected)) => Some(*corrected),
        _ => None,
    };
    NewFinding {
        text: text("text").unwrap_or_default(),
        item: text("item"),
        code: text("code"),
        place: text("place"),
        days_to_correct,
        due_on: text("due_on"),
        corrected,
        corrected_on: text("corrected_on"),
        correction: text("correction"),
    }
}

/// The visit as a person sees it on this phone, laid out as the API lays it out.
fn shown(visit: &Visit) -> Json {
    let responses = |list: &[Response]| -> Vec<Json> {
        let row = |response: &Response| {
            let shown = &response.shown;
            json!({ "item": response.item, "value": json_of(&shown.value), "open_conflict": shown.open_conflict })
        };
        list.iter().map(row).collect()
    };
    let fields: Vec<Json> = visit
        .fields
        .iter()
        .map(|field| json!({ "field": field.field.as_str(), "value": json_of(&field.shown.value) }))
        .collect();
    let notes: Vec<Json> =
        visit.notes.iter().map(|note| json!({ "item": note.item, "text": note.text })).collect();
    let refusals: Vec<Json> =
        visit.refusals.iter().map(|refusal| json!({ "reason": refusal.reason })).collect();
    json!({
        "responses": responses(&visit.responses),
        "remarks": responses(&visit.remarks),
        "fields": fields,
        "findings": visit.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "notes": notes,
        "evidence": visit.evidence.iter().map(evidence_json).collect::<Vec<_>>(),
        "seal": visit.seal.as_ref().map(|seal| &seal.record_hash),
        "further_seals": visit.further_seals.iter().map(|seal| &seal.record_hash).collect::<Vec<_>>(),
        "refusals": refusals,
    })
}

fn finding_json(finding: &ShownFinding) -> Json {
    json!({
        "item": finding.item,
        "code": finding.code,
        "place": finding.place,
        "text": finding.text,
        "days_to_correct": json_of(&finding.days_to_correct),
        "due_on": finding.due_on,
        "corrected": json_of(&finding.corrected),
        "corrected_on": finding.corrected_on,
        "correction": finding.correction,
    })
}

fn evidence_json(evidence: &Evidence) -> Json {
    json!({
        "blob": evidence.blob,
        "size_bytes": json_of(&evidence.size_bytes),
        "media_type": evidence.media_type,
    })
}

fn typed(finding: &Json) -> Finding {
    let fields = finding.as_object().into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), super::compare::scalar(value)?))).collect()
}

fn json_of(value: &MobileValue) -> Json {
    match value {
        MobileValue::Null => Json::Null,
        MobileValue::Bool { value } => json!(value),
        MobileValue::Int { value } => json!(value),
        MobileValue::Text { value } => json!(value),
    }
}
