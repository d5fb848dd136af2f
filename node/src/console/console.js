// The console: what the node is, its functions, a chat, upgrades, usage.
import { Node } from "./node.js";
import { $, short } from "./dom.js";
import { startChat } from "./chat.js";
import { showFunctions } from "./functions.js";
import { startUpgrade } from "./upgrade.js";
import { startUsage } from "./usage.js";

const url = new URL("/", location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
const node = new Node(url.href);
/** Who calls: a key and a tenant, in this tab's memory. */
const access = { key: "", tenant: "" };
/** What accompanies every call. */
const options = () => (access.tenant ? { tenant_id: access.tenant } : {});

startTabs();
startAccess();
startChat(node, options);
const upgrade = startUpgrade(node);
const usage = startUsage(node, access);
node.addEventListener("state", ({ detail }) => {
  $("state").textContent = detail === "lost" ? "lost, trying again" : detail;
  $("state").dataset.state = detail;
});
node.addEventListener("refused", ({ detail }) => answerKey(detail));
node.open(greet);

async function greet() {
  if (access.key) {
    const params = access.tenant ? [access.key, access.tenant] : [access.key];
    await node.request("realm_authenticate", params);
    answerKey(null);
  }
  const [name, version] = await Promise.all([node.request("system_chain"), node.request("system_version")]);
  $("chain").textContent = name;
  $("chain").title = `realm ${version}`;
  await follow("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", (head) => ($("block").textContent = `#${Number(head.number)}`));
  await follow("state_subscribeRuntimeVersion", "state_unsubscribeRuntimeVersion", (version) => {
    $("runtime").textContent = `${version.specName} version ${version.specVersion}`;
    refresh();
  });
  usage.refresh();
}

const follow = (method, unsubscribe, on) => node.subscribe(method, unsubscribe, [], on);

/** What changes with the runtime. */
async function refresh() {
  try {
    const document = await node.request("system_metadata");
    $("metadata").textContent = short(document.metadata_hash);
    $("metadata").title = document.metadata_hash;
    showFunctions(node, document, options);
  } catch (error) {
    answerKey(error);
  }
  upgrade.refresh();
}

function answerKey(error) {
  const answer = $("key-answer");
  answer.className = error ? "error" : "";
  answer.textContent = error ? `${error.code}: ${error.message}` : "The node took the key.";
}

function startAccess() {
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    access.key = $("api-key").value.trim();
    access.tenant = $("tenant").value.trim();
    $("key-answer").textContent = access.key ? "Connecting anew …" : "Calling without a key.";
    // A connection proves who it is once, so another key needs another connection.
    node.reconnect();
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
