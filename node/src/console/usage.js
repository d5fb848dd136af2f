// What tenants used, as the node tells it: whatever columns there are.
import { $, complaint, el } from "./dom.js";

export function startUsage(connection) {
  async function refresh() {
    const body = $("usage-body");
    try {
      const usage = await connection.client.request("realm_usage", connection.access.tenant ? [connection.access.tenant] : []);
      body.replaceChildren(table(rows(usage)));
    } catch (error) {
      const absent = error.code === "-32601";
      body.replaceChildren(absent ? el("p", { className: "empty" }, "This node does not meter usage.") : complaint(error));
    }
  }
  $("refresh").addEventListener("click", refresh);
  return { refresh };
}

/** The list in an answer: itself, or its first field that is one, or the answer as one row. */
function rows(usage) {
  if (Array.isArray(usage)) return usage;
  return Object.values(usage ?? {}).find(Array.isArray) ?? (usage ? [usage] : []);
}

function table(list) {
  if (list.length === 0) return el("p", { className: "empty" }, "Nothing was used yet.");
  const columns = [...new Set(list.flatMap((row) => Object.keys(row)))];
  const cell = (value) => el("td", { className: typeof value === "number" ? "number" : "" }, value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 9 }) : String(value));
  const head = el("tr", {}, ...columns.map((name) => el("th", { scope: "col", className: typeof list[0][name] === "number" ? "number" : "" }, name.replaceAll("_", " "))));
  return el("div", { className: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...list.map((row) => el("tr", {}, ...columns.map((name) => cell(row[name])))))));
}
