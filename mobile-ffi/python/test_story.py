"""One visit, told through the Python binding: two phones, one supervisor, one server.

What the supervisor's API returns is compared with what was typed here, not with what the phones say.

Environment: LIUHEN_URL, LIUHEN_LOGIN and LIUHEN_PASSWORD of a department administrator, and the
folder with liuhen_mobile.py and its library in PYTHONPATH. LIUHEN_FOLDER is where the phones live;
without it they live in a temporary folder.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

import liuhen_mobile as mobile

PASSWORD = "a password for a story"
CHECKLIST = {
    "code": "story",
    "version": 1,
    "title": "餐饮服务检查 Food service",
    "items": [
        {
            "code": "1",
            "text": "许可证公示 The licence is displayed",
            "legal_basis": "第四十五条 Article 45",
            "response": {"type": "choice", "options": ["符合", "不符合"]},
            "usual_phrases": ["许可证未公示"],
        },
        {"code": "2.1", "text": "冷藏温度 Temperature of the fridge", "response": {"type": "int"}},
        {"code": "2.2", "text": "健康证明 Health certificates", "response": {"type": "bool"}},
        {"code": "3", "text": "消杀日期 Last disinfection", "response": {"type": "date"}},
    ],
}
# A first exchange, the uploads and the receipts take a handful; more means that it never ends.
ROUNDS_MAX = 20
TIMEOUT_SECONDS = 30
# The server answers a hand-in before it has judged it; the verdict takes milliseconds.
DEADLINE_SECONDS = 30
# One-time codes (RFC 6238).
STEP_SECONDS = 30


class Checks:
    """Counts what held and what did not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def equal(self, what, actual, expected):
        if actual == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}\n  expected {expected!r}\n  got      {actual!r}")

    def true(self, what, held):
        self.equal(what, bool(held), True)

    def refused(self, what, kind, code, call):
        """The call raises this kind of error with this code."""
        try:
            call()
            self.equal(what, "no error", f"{kind.__name__} {code}")
        except mobile.MobileError as error:
            self.equal(what, (type(error), error.code), (kind, code))


class Api:
    """The server's JSON API as a supervisor's program calls it."""

    def __init__(self, url, login, password):
        self.url = url
        self.token = None
        session = self.post("sessions", {"login": login, "password": password})
        self.token = session["access_token"]
        self.account = session["account"]

    def post(self, path, body):
        return json.loads(self.send("POST", path, json.dumps(body).encode()))

    def get(self, path):
        return json.loads(self.send("GET", path))

    def send(self, method, path, body=None):
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from None


def one_time_code(secret, steps):
    """What an authenticator shows that many steps from now."""
    step = int(time.time()) // STEP_SECONDS + steps
    mac = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


class Progress(mobile.AttachProgress):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def stored(self, bytes, bytes_total):
        self.told.append((bytes, bytes_total))


class BrokenProgress(mobile.AttachProgress):
    def stored(self, bytes, bytes_total):
        raise ValueError("a progress bar that does not work")


class Person:
    """An inspector with a phone."""

    def __init__(self, office, url, folder, login, name, certificate_no):
        self.login, self.name, self.certificate_no = login, name, certificate_no
        self.url, self.folder = url, str(folder / login)
        account = {"login": login, "password": PASSWORD, "name": name, "certificate_no": certificate_no}
        self.account = office.post("accounts", {**account, "roles": ["inspector"]})["id"]
        self.phone = mobile.Client.open(self.folder)

    def enrol(self, password=PASSWORD, **code):
        new = mobile.NewEnrolment(
            server=self.url, login=self.login, password=password, device_name=f"{self.name}的手机", **code
        )
        return self.phone.enrol(new)

    def set_up_factor(self):
        """As at the console; returns the secret that is in the authenticator now, and the code it took."""
        own = Api(self.url, self.login, PASSWORD)
        secret = own.post("second-factor", {})["secret"]
        code = one_time_code(secret, 0)
        own.send("POST", "second-factor/confirmation", json.dumps({"code": code}).encode())
        return secret, code

    def signer(self):
        return mobile.Signer(
            role=mobile.SignerRole.INSPECTOR,
            name=self.name,
            account=self.account,
            certificate_no=self.certificate_no,
        )


def text(value):
    return mobile.Value.TEXT(value)


def plain(value):
    """A value of the binding as JSON has it."""
    return None if value.is_null() else value.value


def exchange(person):
    """Synchronises until there is no more; returns the last report and every failure."""
    failures = []
    for _ in range(ROUNDS_MAX):
        report = person.phone.synchronise()
        failures += [(failure.code, failure.detail) for failure in report.failures]
        if not report.more:
            break
    return report, failures


def synchronise(checks, person):
    report, failures = exchange(person)
    checks.equal(f"{person.login} synchronises without a failure", (failures, report.more), ([], False))
    return report


def until(checks, what, person, holds):
    """Synchronises until something holds that the server has to judge first."""
    deadline, failures = time.monotonic() + DEADLINE_SECONDS, []
    while not (held := holds()) and time.monotonic() < deadline:
        failures += exchange(person)[1]
    checks.equal(what, (bool(held), failures), (True, []))


def prepare(url, login, password):
    """A supervisor, a subject and a checklist."""
    admin = Api(url, login, password)
    roles = ["supervisor", "department_administrator"]
    account = {"login": "story-supervisor", "password": PASSWORD, "name": "督察员", "roles": roles}
    admin.post("accounts", account)
    office = Api(url, "story-supervisor", PASSWORD)
    subject = office.post("subjects", {"name": "老张面馆", "address": "人民路 12 号", "code": "SP-0001"})
    checklist = office.post("checklists", CHECKLIST)
    return office, subject["items"][0], checklist


def issue(office, subject, checklist, people):
    task = {
        "subject": subject["id"],
        "checklist": checklist["hash"],
        "assignees": [person.account for person in people],
        "instructions": "双随机抽查",
        "due_on": "2026-12-01",
    }
    return office.post("tasks", task)["items"][0]


def enrolment(checks, wang, li):
    not_enrolled = mobile.MobileError.NotEnrolled
    checks.refused("nothing works before enrolment", not_enrolled, "device.not_enrolled", wang.phone.synchronise)
    checks.equal("nobody is enrolled", wang.phone.enrolment(), None)
    wrong = lambda: wang.enrol("a wrong password of some length")
    checks.refused("a wrong password", mobile.MobileError.Server, "session.wrong_credentials", wrong)
    enrolled = wang.enrol()
    checks.equal("the enrolment names the person", (enrolled.person, enrolled.account), (wang.name, wang.account))
    checks.equal("the certificate", enrolled.certificate_no, wang.certificate_no)
    checks.equal("the enrolment is kept", wang.phone.enrolment(), enrolled)
    secret, taken = li.set_up_factor()
    server = mobile.MobileError.Server
    checks.refused("a second factor without its code", server, "session.code_required", li.enrol)
    used = lambda: li.enrol(code=taken)
    checks.refused("a code that was used", server, "session.wrong_code", used)
    checks.equal("the next code enrols", li.enrol(code=one_time_code(secret, 1)).person, li.name)


def arrival(checks, person, task):
    synchronise(checks, person)
    tasks = person.phone.tasks()
    checks.equal("one task arrived", [found.id for found in tasks], [task["id"]])
    found = tasks[0]
    checks.equal("its visit", found.visit, task["visit"])
    checks.equal("its subject", (found.subject.name, found.subject.address), ("老张面馆", "人民路 12 号"))
    checks.equal("its due day", found.due_on, "2026-12-01")
    checks.equal("its instructions", found.instructions, "双随机抽查")
    checks.equal("the checklist is here", (found.ready, found.opened), (True, False))


def opening(checks, phone, visit):
    shown = phone.open_visit(visit)
    checks.equal("the checklist's items", [item.code for item in shown.checklist.items], ["1", "2.1", "2.2", "3"])
    checks.equal("the options", shown.checklist.items[0].response.options, ["符合", "不符合"])
    checks.equal("usual phrases", shown.checklist.items[0].usual_phrases, ["许可证未公示"])
    checks.equal("nothing is written yet", (shown.responses, shown.findings), ([], []))
    phone.claim(visit)
    task = phone.tasks()[0]
    checks.equal("the steps are recorded", (task.opened, task.claimed), (True, True))


def bad_input(checks, phone, visit):
    refused = mobile.MobileError.Refused
    before = phone.status().unsent_entries
    checks.refused("an unknown item", refused, "visit.unknown_item", lambda: phone.answer(visit, "99", text("x")))
    checks.refused("no option", refused, "visit.wrong_value", lambda: phone.answer(visit, "1", text("也许")))
    checks.refused("another type", refused, "visit.wrong_value", lambda: phone.answer(visit, "2.1", text("4")))
    checks.refused("no id", refused, "id.malformed", lambda: phone.visit("visit-1"))
    unknown = mobile.MobileError.NotFound
    checks.refused("no such visit", unknown, "visit.unknown", lambda: phone.visit("00" * 16))
    late = mobile.NewFinding(text="x", due_on="tomorrow")
    checks.refused("no day", refused, "date.malformed", lambda: phone.add_finding(visit, late))
    nowhere = mobile.Place(latitude=91.0, longitude=0.0, accuracy_m=5.0, mock=False)
    checks.refused(
        "no place", refused, "place.out_of_range", lambda: phone.answer(visit, "2.1", mobile.Value.INT(4), nowhere)
    )
    checks.refused("nobody signs", refused, "seal.no_inspector", lambda: phone.seal(visit, []))
    missing = mobile.NewEvidence(
        content=mobile.EvidenceContent.FILE("/nowhere/photo.jpg"),
        media_type="image/jpeg",
        source=mobile.EvidenceSource.ALBUM,
    )
    checks.refused(
        "no file", mobile.MobileError.Storage, "evidence.unreadable", lambda: phone.attach(visit, missing)
    )
    checks.equal("nothing was written", phone.status().unsent_entries, before)


def filling_in(checks, phone, visit):
    place = mobile.Place(latitude=39.9042, longitude=116.4074, accuracy_m=12.5, mock=False)
    phone.answer(visit, "1", text("不符合"), place)
    phone.answer(visit, "2.1", mobile.Value.INT(4))
    phone.answer(visit, "3", text("2026-11-01"))
    again = phone.answer(visit, "3", text("2026-11-01"))
    checks.equal("the same answer again is no entry", again.entry, None)
    phone.answer(visit, "3", mobile.Value.NULL())
    phone.remark(visit, "1", "许可证未公示")
    phone.set_visit_field(visit, mobile.VisitField.ATTENDANT, text("张伟"))
    phone.set_visit_field(visit, mobile.VisitField.IDENTIFICATION_SHOWN, mobile.Value.BOOL(True))
    note = phone.add_note(visit, mobile.NewNote(text="后厨整洁", item="1"))
    checks.equal("one note was made", len(note.made), 1)
    finding = mobile.NewFinding(
        text="许可证未公示", item="1", code="C-17", place="前厅", days_to_correct=5, due_on="2026-11-28"
    )
    made = phone.add_finding(visit, finding)
    change = mobile.FindingChange(corrected=mobile.Value.BOOL(True), corrected_on=text("2026-11-25"))
    phone.update_finding(visit, made.made[0], change)
    return made.made[0]


def attaching(checks, phone, visit, folder, finding):
    """One file from the disk with progress, one from memory whose progress bar throws."""
    from_disk = bytes(range(256)) * 2_000
    path = folder / "photo.jpg"
    path.write_bytes(from_disk)
    progress = Progress()
    photo = mobile.NewEvidence(
        content=mobile.EvidenceContent.FILE(str(path)),
        media_type="image/jpeg",
        source=mobile.EvidenceSource.CAMERA,
        item="1",
        finding=finding,
        caption="许可证公示栏",
        captured_at_ms=1_763_712_345_000,
    )
    attached = phone.attach(visit, photo, progress)
    checks.equal("the file's hash", attached.blob, hashlib.sha256(from_disk).hexdigest())
    checks.equal("progress ends with all of it", progress.told[-1:], [(len(from_disk), len(from_disk))])
    checks.equal("progress rises", progress.told, sorted(progress.told))
    checks.equal("the bytes stand on the phone", Path(phone.evidence_path(attached.blob)).read_bytes(), from_disk)

    from_memory = b"a recorder's file"
    recording = mobile.NewEvidence(
        content=mobile.EvidenceContent.BYTES(from_memory),
        media_type="video/mp4",
        source=mobile.EvidenceSource.RECORDER,
    )
    kept = phone.attach(visit, recording, BrokenProgress())
    checks.equal("a broken progress bar costs no file", kept.size_bytes, len(from_memory))
    return {attached.blob: from_disk, kept.blob: from_memory}


def disagreeing(checks, wang, li, visit):
    """Both answer one item without having heard of each other; wang decides."""
    li.phone.open_visit(visit)
    wang.phone.answer(visit, "2.2", mobile.Value.BOOL(True))
    li.phone.answer(visit, "2.2", mobile.Value.BOOL(False))
    for person in (wang, li):
        synchronise(checks, person)
    until(checks, "wang hears of it", wang, lambda: wang.phone.visit(visit).conflicts)
    conflicts = wang.phone.visit(visit).conflicts
    checks.equal("one disagreement", [conflict.path for conflict in conflicts], ["responses/2.2"])
    checks.equal("it is open", conflicts[0].state, mobile.ConflictState.OPEN)
    values = {claim.author.name: plain(claim.value) for claim in conflicts[0].values}
    checks.equal("both values with their authors", values, {wang.name: True, li.name: False})
    wang.phone.resolve(visit, conflicts[0].path, mobile.Value.BOOL(False))
    resolved = wang.phone.visit(visit).conflicts[0]
    checks.equal("it is resolved", resolved.state, mobile.ConflictState.RESOLVED)
    checks.equal("and nothing is lost", len(resolved.values), 2)


def sealing(checks, wang, visit):
    party = mobile.Signer(role=mobile.SignerRole.PARTY, name="张伟")
    sealed = wang.phone.seal(visit, [wang.signer(), party])
    seal = wang.phone.visit(visit).seal
    checks.equal("the seal is valid", (seal.valid, seal.problem), (True, None))
    checks.equal("and over this record", seal.record_hash, sealed.record_hash)
    checks.equal("by both", [signer.name for signer in seal.signers], [wang.name, "张伟"])
    return sealed.record_hash


def handing_in(checks, wang, li, task):
    before = wang.phone.status()
    checks.true("there is something to hand in", before.unsent_entries > 0 and before.oldest_unsent_ms is not None)
    synchronise(checks, wang)
    until(checks, "all evidence has its receipt", wang, lambda: wang.phone.status().unsent_blobs == 0)
    status = wang.phone.status()
    checks.equal("all entries have theirs", (status.unsent_entries, status.unsent_bytes), (0, 0))
    checks.equal("nothing is stuck", (status.stuck, status.quarantined, status.waiting), ([], 0, 0))
    kinds = {event.kind for event in wang.phone.events(0, 1_000)}
    checks.true(f"evidence.held is told in {sorted(kinds)}", "evidence.held" in kinds)
    done = lambda: wang.phone.tasks()[0].state == mobile.TaskState.DONE
    until(checks, "wang hears that the task is done", wang, done)
    until(checks, "li sees the seal", li, lambda: li.phone.visit(task["visit"]).seal)


def reading_back(checks, office, wang, task, record_hash, files):
    """What the supervisor sees against what was typed above."""
    view = office.get(f"visits/{task['visit']}")
    answers = {response["item"]: response["value"] for response in view["responses"]}
    checks.equal("answers", answers, {"1": "不符合", "2.1": 4, "2.2": False, "3": None})
    authors = {response["author"]["name"] for response in view["responses"]}
    checks.equal("by wang", authors, {wang.name})
    checks.equal("remarks", {r["item"]: r["value"] for r in view["remarks"]}, {"1": "许可证未公示"})
    fields = {field["field"]: field["value"] for field in view["fields"]}
    checks.equal("fields", fields, {"attendant": "张伟", "identification_shown": True})
    checks.equal("notes", [(n["item"], n["text"]) for n in view["notes"]], [("1", "后厨整洁")])
    typed = {
        "item": "1",
        "code": "C-17",
        "place": "前厅",
        "text": "许可证未公示",
        "days_to_correct": 5,
        "due_on": "2026-11-28",
        "corrected": True,
        "corrected_on": "2026-11-25",
        "correction": None,
    }
    found = [{key: finding[key] for key in typed} for finding in view["findings"]]
    checks.equal("findings", found, [typed])
    checks.equal("evidence", {item["blob"] for item in view["evidence"]}, set(files))
    for blob, content in files.items():
        checks.true(f"the bytes of {blob[:8]}", office.send("GET", f"evidence/{blob}") == content)
    checks.equal("the conflict", [c["state"] for c in view["conflicts"]], ["resolved"])
    checks.equal("it is listed", [c["path"] for c in office.get("conflicts")["items"]], ["responses/2.2"])
    checks.equal("the seal", (view["seal"]["record_hash"], view["seal"]["valid"]), (record_hash, True))
    checks.equal("nothing came after it", view["supplements"], [])
    checks.equal("the task is done", office.get(f"tasks/{task['id']}")["state"], "done")


def reopening(checks, wang, visit):
    """The phone dies and is opened again from its folder."""
    tasks, shown, status = wang.phone.tasks(), wang.phone.visit(visit), wang.phone.status()
    wang.phone.suspend()
    checks.equal("a suspended phone wakes by itself", wang.phone.tasks(), tasks)
    in_use = mobile.MobileError.Unavailable
    checks.refused("one folder, one client", in_use, "client.folder_in_use", lambda: mobile.Client.open(wang.folder))
    wang.phone.close()
    checks.refused("a closed phone", in_use, "client.closed", wang.phone.tasks)
    wang.phone = mobile.Client.open(wang.folder)
    checks.equal("the tasks are there", wang.phone.tasks(), tasks)
    checks.equal("the visit is there", wang.phone.visit(visit), shown)
    checks.equal("the counts are the same", wang.phone.status(), status)
    report = synchronise(checks, wang)
    checks.equal("an idle reconnect is one request", (report.exchanges, report.upload_bytes_sent), (1, 0))


def story(checks, url, login, password, folder):
    office, subject, checklist = prepare(url, login, password)
    wang = Person(office, url, folder, "story-wang", "王晓芳", "A-001")
    li = Person(office, url, folder, "story-li", "李建国", "A-002")
    enrolment(checks, wang, li)
    task = issue(office, subject, checklist, [wang, li])
    visit = task["visit"]
    for person in (wang, li):
        arrival(checks, person, task)
    opening(checks, wang.phone, visit)
    bad_input(checks, wang.phone, visit)
    finding = filling_in(checks, wang.phone, visit)
    files = attaching(checks, wang.phone, visit, folder, finding)
    disagreeing(checks, wang, li, visit)
    record_hash = sealing(checks, wang, visit)
    handing_in(checks, wang, li, task)
    reading_back(checks, office, wang, task, record_hash, files)
    checks.equal("li sees the same seal", li.phone.visit(visit).seal.record_hash, record_hash)
    reopening(checks, wang, visit)
    for person in (wang, li):
        person.phone.close()


def main():
    server = [os.environ[name] for name in ("LIUHEN_URL", "LIUHEN_LOGIN", "LIUHEN_PASSWORD")]
    checks = Checks()
    with tempfile.TemporaryDirectory(dir=os.environ.get("LIUHEN_FOLDER")) as folder:
        try:
            story(checks, *server, Path(folder))
        except Exception:
            traceback.print_exc()
            checks.failed += 1
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
