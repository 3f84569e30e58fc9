// A supervisor's way through the console in a real browser: sign-in, dispatch, progress while it
// happens, the visit, a disagreement, the trace. The phones are played by the program that started this
// one (`tests/src/browser.rs`): a line `{"do": …}` on standard output asks for something, a line on
// standard input answers. `cargo xtask test` copies this file beside the library it needs.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import readline from "node:readline";
import { chromium } from "playwright-core";

const { LIUHEN_URL: base, LIUHEN_PASSWORD: password, LIUHEN_SCREENSHOTS: shots } = process.env;
mkdirSync(shots, { recursive: true });

// Of the made-up county.
const LOGIN = "shen";
const SUPERVISOR = "沈望舒";
const LEAD = "林晓舟";
const PARTNER = "周明朗";

// A browser of today on the slowest machine that runs this; nothing waits this long when it works.
const PATIENCE_MS = 30_000;

const WALKS = [
  { name: "desktop", viewport: { width: 1280, height: 800 }, script: true, party: "青禾县稻香村口家常菜馆" },
  { name: "phone", viewport: { width: 390, height: 844 }, script: true, party: "青禾县一品荷塘酒楼", touch: true },
  { name: "plain", viewport: { width: 1280, height: 800 }, script: false, party: "青禾县老渡口鱼庄" },
];

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(what, about = {}) {
  process.stdout.write(JSON.stringify({ do: what, ...about }) + "\n");
  const { value, done } = await answers.next();
  assert(!done, `nobody answered "${what}"`);
  const answer = JSON.parse(value);
  assert(!answer.failed, `${what}: ${answer.failed}`);
  return answer;
}

/// One browser window, with everything watched that a page must not do.
class Walk {
  constructor(context, page, walk) {
    Object.assign(this, { context, page, walk, faults: [], shot: 0, expected: new Set() });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.faults.push(`error on the page: ${error}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !this.isExpected(message.location().url)) {
        this.faults.push(`console: ${message.text()}`);
      }
    });
    page.on("request", (request) => {
      const address = request.url();
      if (!address.startsWith(base) && !address.startsWith("data:")) {
        this.faults.push(`fetched from elsewhere: ${address}`);
      }
    });
    page.on("response", (response) => {
      if (response.status() >= 400 && !this.isExpected(response.url())) {
        this.faults.push(`${response.status()} for ${response.url()}`);
      }
    });
  }

  isExpected(address) {
    return this.expected.has(new URL(address || base).pathname);
  }

  /// A finger on a phone, a mouse at a desk.
  async press(target) {
    const locator = typeof target === "string" ? this.page.locator(target).first() : target.first();
    await (this.walk.touch ? locator.tap() : locator.click());
  }

  async go(path) {
    await this.page.goto(base + path);
  }

  /// Looks at the page as it stands: nothing sticks out sideways, nothing was complained about.
  async look(name) {
    const sideways = await this.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    await this.page.evaluate(() => window.scrollTo(0, 0));
    assert(sideways <= 0, `${this.walk.name}, ${name}: ${sideways} px stick out`);
    this.shot += 1;
    const number = String(this.shot).padStart(2, "0");
    const path = `${shots}/${this.walk.name}-${number}-${name}.png`;
    await this.page.screenshot({ path, fullPage: true });
    assert.deepEqual(this.faults, [], `${this.walk.name}, ${name}`);
  }

  /// Without script, a person presses reload.
  async eventually(locator) {
    if (this.walk.script) {
      await locator.first().waitFor();
      return;
    }
    await this.page.reload();
    assert(await locator.first().isVisible(), `not on the page after a reload: ${locator}`);
  }
}

async function signIn(walk) {
  const { page } = walk;
  await walk.go("/console/tasks?state=issued");
  await page.waitForURL("**/console/sign-in**");
  await walk.look("sign-in");
  walk.expected.add("/console/sign-in");
  await page.fill("#login", LOGIN);
  await page.fill("#password", "not the password");
  await walk.press("main button[type=submit]");
  // Without a code nobody hears whether the password was right.
  await page.locator(".fault", { hasText: "动态口令" }).waitFor();
  await walk.look("sign-in-refused");
  await page.fill("#login", LOGIN);
  await page.fill("#password", password);
  await page.fill("#code", (await ask("code", { login: LOGIN })).code);
  await walk.press("main button[type=submit]");
  await page.waitForURL("**/console/tasks?state=issued");
  walk.expected.clear();
}

async function dispatch(walk) {
  const { page } = walk;
  await walk.go("/console");
  await walk.look("home");
  await walk.go("/console/tasks/new");
  await page.fill("#q", walk.walk.party);
  await walk.press("main form button[type=submit]");
  await walk.press(page.locator("td.title a", { hasText: walk.walk.party }));
  await walk.press(page.getByText("餐饮服务食品安全检查"));
  // Nobody to lead: the form says so and keeps what was filled in.
  await page.fill("#instructions", "先看后厨冷藏设备，再查进货台账。");
  const lead = page.locator("#lead option", { hasText: LEAD });
  await page.selectOption("#lead", await lead.getAttribute("value"));
  walk.expected.add("/console/tasks/new");
  await walk.press("main form button[type=submit]");
  await page.locator(".fault").first().waitFor();
  assert.equal(await page.inputValue("#instructions"), "先看后厨冷藏设备，再查进货台账。");
  await walk.look("dispatch-refused");
  await page.locator("label.choice", { hasText: PARTNER }).locator("input").check();
  await walk.press("main form button[type=submit]");
  await page.waitForURL(/\/console\/tasks\/[0-9a-f]{32}/);
  walk.expected.clear();
  await walk.look("dispatched");
  return new URL(page.url()).pathname.split("/").pop();
}

/// The list follows what happens on the phones, on the same page.
async function progress(walk, task) {
  const { page } = walk;
  await walk.go("/console/tasks?order=newest");
  const row = page.locator("tbody tr", { has: page.locator(`a[href="/console/tasks/${task}"]`) });
  await row.waitFor();
  await page.evaluate(() => { window.untouched = true; });
  await ask("fetch", { subject: walk.walk.party });
  await walk.eventually(row.getByText("已送达"));
  await ask("work", { subject: walk.walk.party });
  await walk.eventually(row.locator(".progress", { hasText: /^[1-9]/ }));
  await walk.eventually(row.getByText("1 处分歧"));
  if (walk.walk.script) {
    assert(await page.evaluate(() => window.untouched), "the page was loaded again");
  }
  await walk.look("tasks-live");
  await page.goto(`${base}/console/tasks/${task}`);
  await walk.look("task");
  const link = page.locator('a[href^="/console/visits/"]').first();
  return (await link.getAttribute("href")).match(/[0-9a-f]{32}/)[0];
}

async function visited(walk, visit) {
  const { page } = walk;
  await walk.go(`/console/visits/${visit}`);
  await page.locator("#item-1 .line-answer", { hasText: "符合" }).waitFor();
  await page.locator("#disputes .dispute.open").waitFor();
  const loaded = (image) => image.evaluate((it) => it.decode().then(() => it.naturalWidth));
  const thumbnails = await page.locator("figure.file img").all();
  assert(thumbnails.length >= 5, `${thumbnails.length} photos are shown`);
  for (const thumbnail of thumbnails) {
    await thumbnail.scrollIntoViewIfNeeded();
    assert((await loaded(thumbnail)) > 50, "a thumbnail shows nothing");
  }
  await walk.look("visit");
  await walk.press(page.locator("figure.file a", { has: page.locator("img") }).first());
  const preview = page.locator(".viewer img");
  await preview.waitFor();
  assert((await loaded(preview)) > 600, "the preview shows nothing");
  await walk.look("evidence");
}

async function decided(walk, visit) {
  const { page } = walk;
  await walk.go("/console/conflicts");
  await page.locator("main a", { hasText: walk.walk.party }).first().waitFor();
  await walk.look("conflicts");
  await walk.go(`/console/visits/${visit}`);
  const side = page.locator("#disputes .dispute.open li", { hasText: "不符合" });
  await walk.press(side.getByRole("button", { name: "采用此值" }));
  await page.locator("#disputes .dispute .chosen", { hasText: "不符合" }).waitFor();
  assert.equal(await page.locator("#disputes .dispute.open").count(), 0);
  await walk.look("decided");
}

/// What is said when the line is down, and that it comes back by itself.
async function lost(walk) {
  const { page, context } = walk;
  const state = page.locator("[data-live-state]");
  await state.getByText("实时更新").waitFor();
  for (const path of ["/console/changes", new URL(page.url()).pathname]) {
    walk.expected.add(path);
  }
  await context.setOffline(true);
  await state.getByText("连接中断").waitFor();
  await walk.look("line-down");
  await context.setOffline(false);
  await state.getByText("实时更新").waitFor();
  walk.expected.clear();
}

/// The record is sealed while the supervisor looks at it and has something open: the form for the review
/// comes by itself, what was typed into it stays, and it is sent.
async function reviewed(walk, visit) {
  const { page } = walk;
  await walk.go(`/console/visits/${visit}`);
  assert.equal(await page.locator("#review-form").count(), 0);
  await page.locator("#item-1 summary").click();
  await ask("seal", { subject: walk.walk.party });
  await walk.eventually(page.locator("#review-form"));
  if (walk.walk.script) {
    assert(await page.locator("#item-1 details[open]").count(), "what was open was closed");
  }
  await page.fill("#opinion", "记录完整，证据充分。");
  await walk.look("review");
  await walk.press(page.locator("#review-form button", { hasText: "通过" }));
  await page.locator("#reviews", { hasText: "记录完整，证据充分。" }).waitFor();
  if (walk.walk.script) {
    assert(!page.url().includes("done="), "what was done is said once");
  }
  await walk.look("reviewed");
}

async function traced(walk, visit) {
  const { page } = walk;
  await walk.press(page.locator(".tabs a", { hasText: "留痕" }).first());
  await page.locator(".banner.good", { hasText: "全部核验通过" }).waitFor();
  for (const name of [LEAD, PARTNER, SUPERVISOR]) {
    await page.locator(".trace .by", { hasText: name }).first().waitFor();
  }
  assert((await page.locator(".trace > li").count()) >= 10, "the trace is short");
  await page.locator(".trace > li", { hasText: "登记问题" }).first().waitFor();
  assert.equal(await page.locator(".trace li.broken").count(), 0);
  await walk.look("trace");
}

/// Pages that no step before came by, as far as the supervisor may see them, and one in English.
async function others(walk) {
  const { page } = walk;
  const pages = [
    ["subjects", "/console/subjects"], ["subject-new", "/console/subjects/new"],
    ["import", "/console/subjects/import"], ["checklists", "/console/checklists"],
    ["accounts", "/console/accounts"], ["departments", "/console/departments"],
    ["devices", "/console/devices"], ["account", "/console/account"], ["overdue", "/console/tasks?attention=overdue"],
  ];
  for (const [name, path] of pages) {
    const response = await page.goto(base + path);
    if (response.status() === 403) {
      walk.faults.length = 0;
    }
    await walk.look(name);
  }
  await walk.go("/console/subjects");
  await walk.press("td.title a");
  await page.waitForURL(/\/console\/subjects\/[0-9a-f]{32}/);
  await walk.look("dossier");
  await walk.go("/console/checklists");
  await walk.press("td.title a");
  await page.waitForURL(/\/console\/checklists\/[0-9a-f]{64}/);
  await walk.look("checklist");
  walk.expected.add("/console/tasks/none");
  await walk.go("/console/tasks/none");
  await walk.look("not-found");
  walk.expected.clear();
  await walk.go("/console/language?to=en&next=/console");
  await page.getByText("Dispatch a task").first().waitFor();
  await walk.look("home-english");
  await walk.go("/console/language?to=zh&next=/console");
}

/// What the page showed when something was not as it should be.
async function failed(here, error) {
  const path = `${shots}/${here.walk.name}-failed.png`;
  await here.page.screenshot({ path, fullPage: true }).catch(() => {});
  process.stderr.write(`${here.walk.name}: at ${here.page.url()}, see ${path}; ${here.faults.join("; ")}\n`);
  throw error;
}

async function run(browser, walk, cookies) {
  const context = await browser.newContext({
    viewport: walk.viewport, hasTouch: Boolean(walk.touch), isMobile: Boolean(walk.touch), javaScriptEnabled: walk.script, locale: "zh-CN",
  });
  const here = new Walk(context, await context.newPage(), walk);
  await steps(here, cookies).catch((error) => failed(here, error));
  const kept = await context.cookies();
  await context.close();
  process.stderr.write(`${walk.name}: ${here.shot} pages\n`);
  return kept;
}

async function steps(here, cookies) {
  if (cookies) {
    await here.context.addCookies(cookies);
  } else {
    await signIn(here);
  }
  const task = await dispatch(here);
  const visit = await progress(here, task);
  await visited(here, visit);
  await decided(here, visit);
  if (here.walk.script) {
    await lost(here);
  }
  await reviewed(here, visit);
  await traced(here, visit);
  await others(here);
  if (here.walk === WALKS.at(-1)) {
    await here.press("header form button, .me form button");
    await here.page.waitForURL("**/console/sign-in**");
    await here.go("/console/tasks");
    await here.page.waitForURL("**/console/sign-in**");
  }
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
let cookies;
for (const walk of WALKS) {
  // A code is good once and there is one every half minute: the first sign-in serves all walks.
  cookies = await run(browser, walk, cookies);
}
await browser.close();
process.exit(0);
