//! One working day: dispatch, four phones in the field without a network, a phone that dies, a line
//! that breaks, a disagreement and its decision, seals and reviews. Whatever it tells was looked at.

use super::{
    county::{County, PlannedVisit},
    desk::{self, Desk},
    facts::{Facts, Progress},
    pictures,
};
use crate::{
    harness::{
        proxy::FaultProxy,
        server::{Launch, Server},
    },
    replay::{
        crew::{self, Job, Phone, Sight, Survived},
        dates,
        office::Issued,
        plan::{Save, undisputed},
        remote::Death,
        typed::response_path,
    },
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use time::Date;

/// Who decides about lifts, and who about everything else.
const SUPERVISORS: [&str; 2] = ["gao", "shen"];
const ADMINISTRATOR: &str = "su";
/// What the lead's phone types after it had acknowledged so many saves is under way when it dies.
const SAVES_BEFORE_DEATH: usize = 3;
/// A photo is being written then.
const DEATH_AFTER: Duration = Duration::from_millis(3);
/// Falls into the second piece of a photo.
const CUT_AFTER_BYTES: u64 = 900_000;
/// A piece of an upload that does not arrive whole is sent again.
const PIECE_BYTES_MAX: u64 = 512 * 1024;
/// Entries, headers and answers beside the files.
const TALK_BYTES_MAX: u64 = 300_000;
/// Nothing of the demo's is drawn but what its files and its phones' deaths need.
const SEED: u64 = 1;

/// Everything below the demo's folder that has a place of its own.
pub struct Places {
    pub server: PathBuf,
    pub phones: PathBuf,
    pub pictures: PathBuf,
}

impl Places {
    pub fn below(folder: &Path) -> Self {
        let below = |name: &str| folder.join(name);
        Self { server: below("server"), phones: below("phones"), pictures: below("pictures") }
    }
}

/// The day while it goes on.
pub struct Story {
    pub county: County,
    pub places: Places,
    pub server: Server,
    pub desk: Desk,
    pub proxy: FaultProxy,
    pub phones: Vec<Phone>,
    /// By the visit's key.
    pub issued: BTreeMap<String, Issued>,
    pub facts: Facts,
}

/// Plays the day in an empty folder and leaves the server running.
pub fn play(folder: &Path, port: u16, today: Date, progress: &Progress) -> Result<Story> {
    let mut story = open(folder, port, today, progress)?;
    progress.stage("下达任务 Dispatch", || story.dispatch(today))?;
    progress.stage("四部手机离线检查 Four phones in the field, offline", || story.field_work())?;
    progress.stage("上传中断后续传 An upload is cut and resumed", || story.cut_upload())?;
    progress.stage("全部上线 Everybody comes back online", || story.hand_in())?;
    progress.stage("处理分歧，签章，审核 Decision, seals, reviews", || story.close())?;
    Ok(story)
}

/// The morning: server, accounts, registers and phones, and nothing dispatched yet.
pub fn open(folder: &Path, port: u16, today: Date, progress: &Progress) -> Result<Story> {
    let places = Places::below(folder);
    let county = County::read(today, &places.pictures)?;
    let files = county.pictures()?;
    progress.stage("画照片 Drawing the photos", || pictures::draw_all(&places.pictures, &files))?;
    let mut story = progress.stage("启动服务器，建立账号 Server and accounts", || {
        begin(county, places, port, files.len())
    })?;
    progress.stage("登记监管对象和清单 Registers", || story.register())?;
    progress.stage("手机注册 Phones enrolled", || story.enrol())?;
    Ok(story)
}

fn begin(county: County, places: Places, port: u16, files: usize) -> Result<Story> {
    Server::found(&places.server, &desk::founder(&county)?)?;
    let server = Server::launch(&places.server, Launch { port, second_factor: true })?;
    let proxy = FaultProxy::start(server.address, 0, SEED)?;
    let desk = Desk::open(&server.url(), &county)?;
    let mut facts = Facts::default();
    let guarded = desk.accounts.iter().filter(|account| account.secret.is_some()).count();
    facts.tell(
        "账号 Accounts",
        format!("{}，其中 {guarded} 个启用动态口令 with a second factor", desk.accounts.len()),
    );
    facts.tell("照片、签名、录音 Files drawn", format!("{files}"));
    let (phones, issued) = (Vec::new(), BTreeMap::new());
    Ok(Story { county, places, server, desk, proxy, phones, issued, facts })
}

impl Story {
    fn register(&mut self) -> Result<()> {
        let imported = self.desk.register(ADMINISTRATOR)?;
        let parties = self.county.parties.len() as u64;
        ensure!(imported.rows == parties, "{parties} parties in the tables, {} imported", imported.rows);
        ensure!(imported.warnings == 2, "two codes have a wrong check digit; {} warnings", imported.warnings);
        self.facts.tell(
            "监管对象导入 Parties imported",
            format!("{parties}，提示 warnings {}（校验码 check digits）", imported.warnings),
        );
        Ok(())
    }

    pub fn supervisor(&self, visit: &PlannedVisit) -> &'static str {
        if visit.checklist == "QH-DT" { SUPERVISORS[0] } else { SUPERVISORS[1] }
    }

    fn visit(&self, key: &str) -> Result<&PlannedVisit> {
        self.county.visits.iter().find(|visit| visit.key == key).with_context(|| key.to_owned())
    }

    /// Issues every task, gives some to others and takes some back; then the phones fetch theirs.
    fn dispatch(&mut self, today: Date) -> Result<()> {
        for by in SUPERVISORS {
            let visits: Vec<_> = self.county.visits.iter().filter(|it| self.supervisor(it) == by).collect();
            let due = |visit: &PlannedVisit| dates::iso(today + time::Duration::days(visit.due_in_days));
            let dated: Vec<_> = visits.iter().map(|visit| (*visit, due(visit))).collect();
            let issued = self.desk.issue(by, &dated)?;
            let keys: Vec<_> = visits.iter().map(|visit| visit.key.clone()).collect();
            self.issued.extend(keys.into_iter().zip(issued));
        }
        for visit in &self.county.visits {
            let issued = &self.issued[&visit.key];
            if let Some(change) = &visit.reassigned {
                self.desk.reassign(self.supervisor(visit), issued, visit, &change.reason)?;
            }
            if let Some(reason) = &visit.recalled {
                self.desk.recall(self.supervisor(visit), issued, reason)?;
            }
        }
        let mut jobs = self.no_jobs();
        for visit in self.county.visits.iter().filter(|visit| visit.recalled.is_none()) {
            for login in std::iter::once(visit.held_by()).chain(&visit.partner) {
                let Some(phone) = self.phone(login) else { continue };
                let document = self.issued[&visit.key].visit.clone();
                jobs[phone].push(Job::Await(Sight { visit: document, ..Sight::default() }));
            }
        }
        self.round(jobs)?;
        self.settle()?;
        let canteen = &self.issued["canteen"];
        let state = self.desk.task(SUPERVISORS[1], canteen)?["state"].clone();
        ensure!(state == "delivered", "a task on two phones is {state}");
        let visits = &self.county.visits;
        let reassigned = visits.iter().filter(|visit| visit.reassigned.is_some()).count();
        let recalled = visits.iter().filter(|visit| visit.recalled.is_some()).count();
        let tasks = self.issued.len();
        self.facts.tell(
            "任务下达 Tasks dispatched",
            format!("{tasks}，改派 reassigned {reassigned}，收回 recalled {recalled}，已送达手机 delivered"),
        );
        Ok(())
    }

    fn enrol(&mut self) -> Result<()> {
        for (number, login) in self.with_phones().into_iter().enumerate() {
            let folder = self.places.phones.join(&login);
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            let mut phone = Phone::new(number, folder, 0, SEED);
            phone.enrol(&self.proxy.url(), &login, desk::PASSWORD)?;
            self.phones.push(phone);
        }
        Ok(())
    }

    fn with_phones(&self) -> Vec<String> {
        let people = self.county.people.accounts.iter().filter(|person| person.phone);
        people.map(|person| person.login.clone()).collect()
    }

    pub fn phone(&self, login: &str) -> Option<usize> {
        self.with_phones().iter().position(|with| with == login)
    }

    fn no_jobs(&self) -> Vec<Vec<Job>> {
        vec![Vec::new(); self.phones.len()]
    }

    /// Everybody does their jobs at the same time and hands in afterwards.
    fn round(&mut self, mut jobs: Vec<Vec<Job>>) -> Result<()> {
        for jobs in jobs.iter_mut().filter(|jobs| !jobs.is_empty()) {
            jobs.push(Job::Synchronise);
        }
        crew::round(&mut self.phones, &jobs)
    }

    fn typing(&self, visit: &PlannedVisit, saves: Vec<Save>) -> Result<Job> {
        let (document, spot) = (self.issued[&visit.key].visit.clone(), self.county.spot(visit)?);
        Ok(Job::Type { visit: document, saves, spot: Some(spot) })
    }

    /// Nobody reaches the server. Visits of one person are sealed on the spot; one phone dies.
    fn field_work(&mut self) -> Result<()> {
        self.proxy.unplug();
        let before = self.proxy.passed();
        let mut jobs = self.no_jobs();
        for visit in &self.county.visits {
            let Some(lead) = self.phone(&visit.lead) else { continue };
            jobs[lead].push(self.typing(visit, visit.lead_saves.clone())?);
            if let Some(partner) = visit.partner.as_ref().and_then(|login| self.phone(login)) {
                jobs[partner].push(self.typing(visit, visit.partner_saves.clone())?);
            } else if visit.dying_saves.is_empty() {
                jobs[lead].push(self.typing(visit, self.closing(visit)?)?);
            }
        }
        crew::round(&mut self.phones, &jobs)?;
        let survived = self.die()?;
        ensure!(self.proxy.passed() == before, "bytes passed although the line was unplugged");
        let state = self.desk.task(SUPERVISORS[1], &self.issued["restaurant"])?["state"].clone();
        ensure!(state == "delivered", "nothing was handed in, and the office sees a task {state}");
        let saves: usize = self.phones.iter().map(|phone| phone.typed.len()).sum();
        let phones = self.phones.len();
        self.facts.tell(
            "离线保存 Saves while offline",
            format!("{saves}，手机 phones {phones}，网络字节 bytes on the line 0"),
        );
        let under_way = if survived.under_way_is_there { "已落盘 durable" } else { "不显示 not shown" };
        let kept = format!("已确认 {0} 项全在 all {0} acknowledged are there", survived.acknowledged);
        self.facts.tell(
            "保存中途断电 Killed in a save",
            format!("{kept}；中断的一项 the one under way {under_way}"),
        );
        Ok(())
    }

    fn closing(&self, visit: &PlannedVisit) -> Result<Vec<Save>> {
        Ok([visit.closing.clone(), self.county.seal(visit, &self.places.pictures)?].concat())
    }

    /// One phone is killed in the middle of a save, opened again, and typed on.
    fn die(&mut self) -> Result<Survived> {
        let dying = self.county.visits.iter().find(|visit| !visit.dying_saves.is_empty());
        let visit = dying.context("no phone is to die")?.clone();
        let (document, spot) = (self.issued[&visit.key].visit.clone(), self.county.spot(&visit)?);
        let number = self.phone(&visit.lead).context("the phone that is to die")?;
        let phone = &mut self.phones[number];
        let death = Death { after_saves: SAVES_BEFORE_DEATH, then: DEATH_AFTER };
        let mut left = visit.dying_saves.clone();
        let survived = phone.die_while_typing(&document, &mut left, Some(spot), death)?;
        let mut jobs = self.no_jobs();
        let rest = [left, visit.rest_saves.clone(), self.closing(&visit)?].concat();
        jobs[number].push(self.typing(&visit, rest)?);
        crew::round(&mut self.phones, &jobs)?;
        Ok(survived)
    }

    /// One phone comes back first, and its line breaks in the middle of a photo.
    fn cut_upload(&mut self) -> Result<()> {
        self.proxy.plug();
        let number = self.phone("zheng").context("the phone whose line breaks")?;
        let files = self.file_bytes(number)?;
        let (before, counted) = (self.proxy.passed(), self.phones[number].counted);
        self.proxy.cut_after(CUT_AFTER_BYTES);
        let mut jobs = self.no_jobs();
        jobs[number].push(Job::Synchronise);
        crew::round(&mut self.phones, &jobs)?;
        let after = self.proxy.passed();
        let (cuts, on_the_line) = (after.cuts - before.cuts, after.bytes_up - before.bytes_up);
        let resent = self.phones[number].counted.upload_bytes_resent - counted.upload_bytes_resent;
        ensure!(cuts == 1, "{cuts} connections were cut");
        ensure!(resent <= PIECE_BYTES_MAX, "{resent} bytes were sent twice, which is more than a piece");
        ensure!(
            on_the_line <= files + PIECE_BYTES_MAX + TALK_BYTES_MAX,
            "{on_the_line} bytes went up for {files} bytes of files: the upload began anew"
        );
        self.facts.tell(
            "上传中断续传 Upload cut and resumed",
            format!(
                "文件 files {}，断于 cut at {}，重发 sent again {}",
                mb(files),
                mb(CUT_AFTER_BYTES),
                mb(resent)
            ),
        );
        Ok(())
    }

    /// Of the files a phone attached.
    fn file_bytes(&self, number: usize) -> Result<u64> {
        let mut bytes = 0;
        for (_, save) in &self.phones[number].typed {
            if let Save::Attach(exhibit) = save {
                bytes += exhibit.photo.fingerprint()?.0;
            }
        }
        Ok(bytes)
    }

    fn settle(&mut self) -> Result<()> {
        for job in [Job::Synchronise, Job::Settle] {
            let jobs = vec![vec![job]; self.phones.len()];
            crew::round(&mut self.phones, &jobs)?;
        }
        Ok(())
    }

    fn hand_in(&mut self) -> Result<()> {
        self.settle()?;
        let listed = self.desk.conflicts(SUPERVISORS[1])?;
        for visit in &self.county.visits {
            let Some(disagreement) = &visit.disagreement else { continue };
            let path = response_path(&disagreement.item);
            let document = &self.issued[&visit.key].visit;
            let row = listed.iter().find(|row| row["visit"] == *document && row["path"] == path);
            let row = row.with_context(|| format!("{}: the disagreement is not listed", visit.subject))?;
            let values = row["values"].as_array().map_or(0, Vec::len);
            ensure!(row["state"] == "open" && values == 2, "{}: {row}", visit.subject);
        }
        let open = listed.iter().filter(|row| row["state"] == "open").count();
        self.facts.tell("分歧 Disagreements found", format!("{open}，两个答案并列 both answers kept"));
        Ok(())
    }

    /// The desk decides, the lead sees it and seals; then reviews, and a supplement to what was returned.
    fn close(&mut self) -> Result<()> {
        let mut jobs = self.no_jobs();
        for visit in &self.county.visits {
            let Some((item, value)) = visit.decision() else { continue };
            let by = self.supervisor(visit);
            let path = response_path(&item);
            let issued = &self.issued[&visit.key];
            let decided = self.desk.resolve(by, issued, &path, &json!(value))?;
            ensure!(decided["admitted"] == true, "the decision is {decided}");
            let lead = self.phone(&visit.lead).context("a lead without a phone")?;
            let theirs = undisputed(&visit.partner_saves, &item);
            let saves = [theirs, vec![Save::Resolve { path, value }]].concat();
            jobs[lead].push(Job::Await(Sight { visit: issued.visit.clone(), saves, disagreement: None }));
            jobs[lead].push(self.typing(visit, self.closing(visit)?)?);
            self.facts.tell(
                "后台一键处理 Decided at the desk",
                format!("{} {item}，手机已收到 seen on the phone", visit.subject),
            );
        }
        self.round(jobs)?;
        self.settle()?;
        self.review()?;
        self.settle()
    }

    fn review(&mut self) -> Result<()> {
        let mut jobs = self.no_jobs();
        let (mut reviews, mut returned) = (0, 0);
        for visit in &self.county.visits {
            let Some(review) = &visit.review else { continue };
            self.desk.review(&self.issued[&visit.key], review)?;
            reviews += 1;
            returned += usize::from(review.outcome == "returned");
            if let Some(lead) = self.phone(&visit.lead).filter(|_| !visit.supplement.is_empty()) {
                jobs[lead].push(self.typing(visit, visit.supplement.clone())?);
            }
        }
        self.facts
            .tell("审核 Reviews", format!("{reviews}，退回后补充 returned and supplemented {returned}"));
        self.round(jobs)
    }

    /// The address of a visit's page.
    pub fn page(&self, key: &str) -> Result<(String, String)> {
        let subject = self.visit(key)?.subject.clone();
        Ok((subject, format!("/console/visits/{}", self.issued[key].visit)))
    }
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
