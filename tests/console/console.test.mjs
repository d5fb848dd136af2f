// The console as a person uses it: keyboard and mouse in Chromium, light and dark, against a real node.
// Set SCREENSHOTS to a folder to look at what it looked like.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const HANG = 60_000;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
let node, port, context, profile;
const complaints = [];

/** Starts a node; the port is any, or the same again. */
function start(wanted, chain = ["--dev"]) {
  return new Promise((resolve, reject) => {
    node = spawn(process.env.REALM, ["serve", ...chain, "--port", String(wanted), "--no-metrics", "--log-format", "json"], { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    node.stderr.on("data", (chunk) => {
      log += chunk;
      const address = log.match(/ws:\/\/127\.0\.0\.1:(\d+)/);
      if (address) resolve(Number(address[1]));
    });
    node.on("exit", () => reject(new Error(`the node ended: ${log}`)));
  });
}

function stop() {
  const ended = new Promise((resolve) => node.once("exit", resolve));
  node.kill("SIGTERM");
  return ended;
}

before(async () => {
  port = await start(0);
  profile = mkdtempSync(join(tmpdir(), "realm-console-"));
  context = await chromium.launchPersistentContext(profile, { executablePath: "/usr/bin/chromium", args: FLAGS, viewport: { width: 1100, height: 760 } });
  context.setDefaultTimeout(HANG);
});

after(async () => {
  await context?.close();
  if (node?.exitCode === null) await stop();
  rmSync(profile, { recursive: true, force: true });
});

async function open(hash = "") {
  const page = await context.newPage();
  // What the policy blocks, and every error of a script, ends up here.
  page.on("console", (message) => message.type() === "error" && !/ERR_CONNECTION_REFUSED/.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => assert.equal(new URL(request.url()).host, `127.0.0.1:${port}`, "nothing is loaded from elsewhere"));
  await page.goto(`http://127.0.0.1:${port}/${hash}`);
  await page.waitForSelector("#state[data-state=connected]");
  return page;
}

async function look(page, name) {
  if (!process.env.SCREENSHOTS) return;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}-${colorScheme}.png`), fullPage: true });
  }
}

test("it tells what the node is", async () => {
  const page = await open();
  assert.equal(await page.textContent("#chain"), "Realm Development");
  assert.equal(await page.textContent("#runtime"), "realm version 1");
  const colours = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  assert.notEqual(colours[0], colours[1], "dark is another page");
  await page.close();
});

test("a chat with the keyboard alone, streamed and remembered", async () => {
  const page = await open();
  await page.focus("#message");
  await page.keyboard.type("Hi, my name is Alice");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".turn.theirs small");
  await page.keyboard.type("What is my name?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".turn.theirs small").length === 2);
  assert.match(await page.textContent("#talk"), /Your name is Alice/);
  // Esc stops an answer; the next one comes all the same.
  await page.keyboard.type("Tell me a story about a fox named Tom.");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".turn.theirs").length === 3 && document.querySelectorAll(".turn.theirs")[2].textContent.length > 5);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelectorAll(".turn.theirs small").length === 3);
  await page.keyboard.type("What is the capital of France?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".turn.theirs small").length === 4);
  await look(page, "chat");
  await page.close();
});

test("arrows move between tabs, and every function has a form that works", async () => {
  const page = await open();
  await page.focus("#tab-chat");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getAttribute("#tab-functions", "aria-selected"), "true");
  await page.click("#function-list >> text='stream_generate'");
  await page.fill("#field-prompt", "Once upon a time");
  await page.click("details summary");
  await page.fill("#field-max_tokens", "6");
  await page.click("#function [type=submit]");
  const result = JSON.parse(await (await page.waitForSelector("#function .result")).textContent());
  assert.equal(result.tokens_generated, 6);
  assert.equal(await page.textContent("#function pre[aria-label='Streamed items']"), result.text);
  await page.fill("#field-temperature", "hot");
  await page.click("#function [type=submit]");
  assert.match(await (await page.waitForSelector("#function .error")).textContent(), /INVALID_PARAMS: temperature/);
  await look(page, "functions");
  // Text from the node is text.
  await page.click("#function-list >> text='chat'");
  await page.click("details summary");
  await page.fill("#field-message", "<img src=x onerror=alert(1)>");
  await page.click("#function [type=submit]");
  await page.waitForSelector("#function .result");
  assert.equal(await page.locator("#function .result img").count(), 0);
  await page.close();
});

test("a runtime is tried, shown, put in force, called, and taken back", async () => {
  const [page, other] = [await open("#upgrade"), await open("#functions")];
  await page.setInputFiles("#blob", process.env.SUMMARIZE_BLOB);
  await page.click("#upload [type=submit]");
  assert.match(await (await page.waitForSelector(".diff .added")).textContent(), /summarize/);
  assert.equal(await page.textContent("#runtime"), "realm version 1", "a dry run changes nothing");
  await look(page, "upgrade");
  await page.click("#report button.primary");
  for (const each of [page, other]) await each.waitForFunction(() => document.getElementById("runtime").textContent === "realm version 2");
  await page.waitForFunction(() => document.querySelectorAll("#log tr").length === 2);
  // Another person's page knows the new function without being loaded again.
  await other.click("#function-list >> text='summarize'");
  await page.click("#rollback");
  await page.click("#report button.danger");
  await page.waitForFunction(() => document.getElementById("runtime").textContent === "realm version 1");
  // The same blob cut short is refused with the reason.
  await page.setInputFiles("#blob", { name: "cut.wasm", mimeType: "application/wasm", buffer: Buffer.from("0061736d01000000", "hex") });
  await page.click("#upload [type=submit]");
  await page.waitForSelector("#report .error");
  await Promise.all([page.close(), other.close()]);
});

test("the status is live while somebody looks, and stands still when told to", async () => {
  const [page, other] = [await open("#usage"), await open()];
  await page.focus("#tab-usage");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getAttribute("#tab-live", "aria-selected"), "true");
  const figure = (name) => page.locator(".figures div", { hasText: name }).locator("dd").textContent();
  await page.waitForSelector(".figures");
  assert.match(await figure("Uptime"), /^\d+ (s|min)/);
  assert.match(await figure("Resident memory"), /^[\d.,]+ (MiB|GiB)$/);
  assert.match(await figure("Connections"), /^\d+ of 1,024$/);
  assert.match(await figure("Calls running"), /^\d+ of 128$/);
  assert.match(await figure("Queue length"), /^0 of 1,024$/);
  assert.match(await figure("Sandboxes"), /^\d+ of 256$/);
  const cells = () => page.locator("#live-body tbody tr").first().locator("th, td").allTextContents();
  assert.equal((await cells())[0], "default");
  assert.match((await cells())[6], /of [\d.,]+ [KMG]iB/);
  // What others do shows by itself.
  const talk = (async () => {
    for (let turn = 1; turn <= 2; turn++) {
      await other.fill("#message", "Tell me a story about a fox named Tom.");
      await other.keyboard.press("Enter");
      await other.waitForFunction((count) => document.querySelectorAll(".turn.theirs small").length === count, turn);
    }
  })();
  await page.waitForFunction(() => Number(document.querySelector("#live-body tbody td")?.textContent.replaceAll(",", "")) > 0);
  const [, rate, batch, busy] = await cells();
  assert.ok(Number(rate.replaceAll(",", "")) > 0 && Number(batch) >= 1 && /%$/.test(busy), `${rate} ${batch} ${busy}`);
  await look(page, "status");
  await page.setViewportSize({ width: 420, height: 800 });
  await look(page, "status-narrow");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the page");
  await page.focus("#pause");
  await page.keyboard.press("Space");
  assert.equal(await page.getAttribute("#pause", "aria-pressed"), "true");
  const still = await figure("Uptime");
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal(await figure("Uptime"), still);
  await page.keyboard.press("Space");
  await page.waitForFunction((before) => document.querySelector(".figures dd").textContent !== before, still);
  await talk;
  await Promise.all([page.close(), other.close()]);
});

test("it says when the node is gone, and comes back with it", async () => {
  const page = await open("#usage");
  await page.waitForFunction(() => !document.getElementById("usage-body").textContent.includes("Nothing yet"));
  await look(page, "usage");
  await page.click("#tab-chat");
  await page.fill("#message", "What is the capital of France?");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".turn.theirs small");
  await stop();
  await page.waitForSelector("#state[data-state=lost], #state[data-state=connecting]");
  assert.equal(await start(port), port);
  await page.waitForSelector("#state[data-state=connected]");
  // What the lost connection remembered is gone, and the page says so.
  await page.waitForFunction(() => document.getElementById("talk").textContent.includes("forgotten"));
  await page.close();
});

test("who calls is kept for a tab, and for no other", async () => {
  const page = await open("#access");
  await page.fill("#tenant", "dev");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#state[data-state=connected]");
  await page.reload();
  await page.waitForSelector("#state[data-state=connected]");
  assert.equal(await page.inputValue("#tenant"), "dev");
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  const other = await open("#access");
  assert.equal(await other.inputValue("#tenant"), "");
  await page.click("#tab-chat");
  await page.fill("#message", "What is the capital of France?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("talk").textContent.includes("Paris"));
  await Promise.all([page.close(), other.close()]);
});

test("a chain that needs keys tells strangers what there is, and lets in who shows one", async () => {
  await stop();
  const data = join(profile, "node-data");
  const key = execFileSync(process.env.REALM, ["key", "generate", "--base-path", data], { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" }).trim();
  port = await start(0, ["--chain", "local", "--base-path", data]);
  const page = await open();
  await page.fill("#message", "Hello");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("talk").textContent.includes("UNAUTHENTICATED"));
  await page.click("#tab-access");
  const show = async (shown, answer) => {
    await page.fill("#api-key", shown);
    await page.fill("#tenant", "startup_inc");
    await page.click("#key-form [type=submit]");
    await page.waitForFunction((words) => document.getElementById("key-answer").textContent.includes(words), answer);
  };
  const tell = async (words) => {
    await page.click("#tab-live");
    await page.waitForFunction((told) => document.getElementById("live-body").textContent.includes(told), words);
    await page.click("#tab-access");
  };
  await tell("Only those who administer the node");
  await show(key.slice(0, -1) + (key.endsWith("0") ? "1" : "0"), "UNAUTHENTICATED");
  await show(key, "The node took the key");
  await tell("Resident memory");
  await look(page, "access");
  await page.click("#tab-chat");
  await page.fill("#message", "What is the capital of France?");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("talk").textContent.includes("Paris"));
  await page.close();
});

test("nothing was blocked by the policy, and no script failed", () => assert.deepEqual(complaints, []));
