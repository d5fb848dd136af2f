// How the node is doing: asked again and again while somebody looks, and not otherwise.
import { $, complaint, el } from "./dom.js";

const EVERY_MS = 2000;
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function startLive(connection) {
  const panel = $("live");
  const pause = $("pause");
  /** The answer before, from which rates are told, and whose it was. */
  let before = null;
  let timer;

  const watched = () => !panel.hidden && !document.hidden && pause.getAttribute("aria-pressed") !== "true";

  async function refresh() {
    clearTimeout(timer);
    const { client } = connection;
    if (!client || !watched()) {
      // What is told per second would be of a time that nobody looked at.
      before = null;
      return;
    }
    try {
      const now = await client.request("realm_status");
      if (client !== connection.client) return;
      show(now, before?.client === client ? before.status : null);
      before = { client, status: now };
    } catch (error) {
      if (client !== connection.client) return;
      before = null;
      refuse(error);
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, EVERY_MS);
  }

  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") !== "true"));
    refresh();
  });
  panel.addEventListener("shown", refresh);
  document.addEventListener("visibilitychange", refresh);
  return { refresh };
}

function refuse(error) {
  const administers = { FORBIDDEN: true, UNAUTHENTICATED: true }[error.code];
  const words = administers ? "Only those who administer the node are told this. Show a key of theirs under Access." : "The node does not tell it now.";
  $("live-body").replaceChildren(el("p", { className: "empty" }, words), administers ? "" : complaint(error));
}

function show(now, before) {
  const figures = [
    ["Uptime", duration(now.uptime_ms)],
    ["Resident memory", now.resident_bytes === null ? "unknown" : bytes(now.resident_bytes)],
    ["Connections", of(now.connections, now.connections_max)],
    ["Calls running", of(now.calls_running, now.calls_running_max)],
    ["Queue length", of(now.calls_waiting, now.calls_waiting_max)],
    ["Sandboxes", of(now.instances, now.instances_max)],
  ];
  const list = el("dl", { className: "figures" }, ...figures.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  const heads = ["Model", "Tokens per second", "Batch size", "Busy", "Sequences", "Waiting", "KV memory"];
  const head = el("tr", {}, ...heads.map((name, index) => el("th", { scope: "col", className: index > 0 && index < 6 ? "number" : "" }, name)));
  const rows = now.models.map((model) => row(model, before?.models.find(({ name }) => name === model.name), now.uptime_ms - before?.uptime_ms));
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  $("live-body").replaceChildren(list, el("div", { className: "scroll" }, table));
}

/** One model. What is told per second needs an answer before, `elapsed_ms` ago. */
function row(model, before, elapsed_ms) {
  const since = (name) => model[name] - before[name];
  const known = before && elapsed_ms > 0;
  const rate = known ? count((since("tokens_total") * 1000) / elapsed_ms) : "…";
  const batch = !known ? "…" : since("batches_total") > 0 ? count(since("batch_sequences_total") / since("batches_total")) : "–";
  const busy = known ? `${count(Math.min(100, (since("busy_ms_total") * 100) / elapsed_ms))} %` : "…";
  const number = (text) => el("td", { className: "number" }, text);
  const name = el("th", { scope: "row" }, model.name);
  return el("tr", {}, name, number(rate), number(batch), number(busy), number(count(model.sessions)), number(count(model.jobs_waiting)), el("td", {}, memory(model)));
}

/** What of a model's KV cache is held, and what is kept in case it is wanted again. */
function memory({ name, kv_used_bytes, kv_cached_bytes, kv_bytes_max }) {
  if (kv_bytes_max === 0) return "none";
  const text = `${bytes(kv_used_bytes)} of ${bytes(kv_bytes_max)}`;
  const bar = el("meter", { "aria-label": `KV memory of ${name}`, min: 0, max: kv_bytes_max, value: kv_used_bytes, title: text });
  return el("div", { className: "memory" }, bar, el("span", {}, text), el("small", {}, `${bytes(kv_cached_bytes)} kept for later`));
}

const count = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
const of = (value, max) => `${count(value)} of ${count(max)}`;

function bytes(value) {
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  return `${(value / 1024 ** power).toLocaleString("en", { maximumFractionDigits: 1 })} ${UNITS[power]}`;
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
