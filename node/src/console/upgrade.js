// Upgrades: a dry run first, and the swap only from what the dry run showed.
import { $, complaint, el, short } from "./dom.js";

export function startUpgrade(connection) {
  const report = $("report");
  let log = 0;

  async function refresh() {
    const mine = ++log;
    const rows = $("log");
    try {
      const blocks = await connection.client.request("realm_chainLog", [50, false]);
      if (mine === log) rows.replaceChildren(...(blocks.length ? blocks.map(row) : [el("tr", {}, el("td", { colSpan: 5, className: "empty" }, "Nothing yet."))]));
    } catch (error) {
      if (mine === log) rows.replaceChildren(el("tr", {}, el("td", { colSpan: 5 }, complaint(error))));
    }
  }

  async function work(button, what) {
    button.disabled = true;
    report.replaceChildren(el("p", { className: "empty" }, "The node is checking …"));
    try {
      await what();
    } catch (error) {
      report.replaceChildren(complaint(error));
    } finally {
      button.disabled = false;
    }
  }

  $("upload").addEventListener("submit", (event) => {
    event.preventDefault();
    work(event.submitter ?? $("upload").querySelector("[type=submit]"), async () => {
      const code = hex(new Uint8Array(await $("blob").files[0].arrayBuffer()));
      const params = [code, $("upload-tenant").value.trim() || null];
      const dry = await connection.client.request("realm_dryRunUpgrade", params);
      const swap = el("button", { className: "primary", type: "button" }, `Put version ${dry.to?.spec_version} in force`);
      swap.addEventListener("click", () => work(swap, async () => report.replaceChildren(...changes(await connection.client.request("realm_upgradeRuntime", params), "In force"))));
      report.replaceChildren(...changes(dry, "Dry run"), el("div", { className: "row" }, swap));
      swap.focus();
    });
  });
  $("rollback").addEventListener("click", ({ target }) => {
    const tenant = $("upload-tenant").value.trim() || null;
    const sure = el("button", { className: "danger", type: "button" }, "Roll back now");
    sure.addEventListener("click", () => work(target, async () => report.replaceChildren(...changes(await connection.client.request("realm_rollbackRuntime", [tenant]), "Rolled back"))));
    report.replaceChildren(el("p", {}, tenant ? `Tenant ${tenant} goes back to the runtime before its last upgrade.` : "All tenants without their own runtime go back to the one before the last upgrade."), sure);
    sure.focus();
  });
  return { refresh };
}

function row(block) {
  const { change = {}, event } = block;
  const version = (side) => change?.[side]?.spec_version ?? "chain";
  const versions = event === "genesis" ? `${version("to")}` : change ? `${version("from")} → ${version("to")}` : "–";
  const code = change?.to?.code_hash;
  return el("tr", {}, el("td", {}, `#${block.number}`), el("td", {}, event), el("td", {}, change?.tenant_id ?? "all"), el("td", {}, versions), el("td", { className: "code", title: code ?? "" }, short(code)));
}

/** What an upgrade changes, or would. */
function changes(report, title) {
  const parts = [el("h3", {}, `${title}: version ${report.from?.spec_version ?? "of the chain"} → ${report.to?.spec_version ?? "of the chain"}`)];
  const lines = ["functions", "types"].flatMap((kind) => {
    const { added = [], removed = [], changed = [] } = report.metadata_diff?.[kind] ?? {};
    const what = kind.slice(0, -1);
    return [
      ...added.map((name) => el("li", { className: "added" }, `+ ${what} ${name}`)),
      ...removed.map((name) => el("li", { className: "removed" }, `− ${what} ${name}`)),
      ...changed.map(({ name, before, after }) => el("li", { className: "changed" }, `~ ${what} ${name}`, el("code", {}, `was ${before}`), el("code", {}, `is ${after}`))),
    ];
  });
  parts.push(lines.length ? el("ul", { className: "diff" }, ...lines) : el("p", { className: "empty" }, "Nothing that clients see changes."));
  const migrated = (report.tenants ?? []).filter((tenant) => tenant.state_changed).map((tenant) => tenant.tenant_id);
  if (migrated.length) parts.push(el("p", {}, `Stored state migrated of: ${migrated.join(", ")}`));
  return parts;
}

function hex(bytes) {
  const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  let text = "0x";
  for (const byte of bytes) text += digits[byte];
  return text;
}
