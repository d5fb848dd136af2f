// The console: what the node is, its functions, a chat, upgrades, usage, and how it is doing.
import { Connection } from "./connection.js";
import { $, short } from "./dom.js";
import { startChat } from "./chat.js";
import { showFunctions } from "./functions.js";
import { startUpgrade } from "./upgrade.js";
import { startUsage } from "./usage.js";
import { startLive } from "./live.js";

const STATES = { lost: "lost, trying again", refused: "refused, see Access" };

const url = new URL("/", location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
const connection = new Connection(url.href);

startTabs();
startAccess();
startChat(connection);
const upgrade = startUpgrade(connection);
const usage = startUsage(connection);
const live = startLive(connection);
connection.addEventListener("state", ({ detail: { value, error } }) => {
  $("state").textContent = STATES[value] ?? value;
  $("state").dataset.state = value;
  if (value === "refused") answerKey(error);
  if (value === "connected") greet();
});
connection.addEventListener("runtime", refresh);
connection.addEventListener("head", ({ detail: { value } }) => ($("block").textContent = `#${Number(value.number)}`));
connection.open();

/** What to know of each connection, because the node may be another one. */
async function greet() {
  if (connection.access.key) answerKey(null);
  refresh();
  usage.refresh();
  live.refresh();
  const { client } = connection;
  try {
    const [name, version] = await Promise.all([client.request("system_chain"), client.request("system_version")]);
    $("chain").textContent = name;
    $("chain").title = `realm ${version}`;
  } catch (error) {
    complain(client, error);
  }
}

/** What changes with the runtime. */
async function refresh() {
  const { client } = connection;
  try {
    const document = await client.metadata();
    if (client !== connection.client) return;
    $("runtime").textContent = `${document.spec_name} version ${document.spec_version}`;
    $("metadata").textContent = short(document.metadata_hash);
    $("metadata").title = document.metadata_hash;
    showFunctions(connection, document);
  } catch (error) {
    complain(client, error);
  }
  upgrade.refresh();
}

/** A connection that ended meanwhile says so itself, and the next one asks again. */
function complain(client, error) {
  if (client === connection.client && !["DISCONNECTED", "CANCELLED"].includes(error.code)) answerKey(error);
}

function answerKey(error) {
  const answer = $("key-answer");
  answer.className = error ? "error" : "";
  answer.textContent = error ? `${error.code}: ${error.message}` : "The node took the key.";
}

function startAccess() {
  $("api-key").value = connection.access.key;
  $("tenant").value = connection.access.tenant;
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const access = { key: $("api-key").value.trim(), tenant: $("tenant").value.trim() };
    $("key-answer").className = "";
    $("key-answer").textContent = access.key ? "Connecting anew …" : "Calling without a key.";
    connection.use(access);
  });
}

/** Tabs as the keyboard expects them: arrows move, Tab enters the panel. */
function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const select = (tab, focus) => {
    for (const other of tabs) {
      const selected = other === tab;
      other.setAttribute("aria-selected", String(selected));
      other.tabIndex = selected ? 0 : -1;
      $(other.getAttribute("aria-controls")).hidden = !selected;
    }
    $(tab.getAttribute("aria-controls")).dispatchEvent(new Event("shown"));
    history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
    if (focus) tab.focus();
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[key];
      if (to !== undefined) select(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  const named = tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
  if (named) select(named);
}
