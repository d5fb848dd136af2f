// A form for every function, made from the runtime's own description.
import { $, complaint, el, pretty } from "./dom.js";

let chosen = null;

/** Shows a runtime's functions. Called again whenever the runtime changes; what was chosen stays chosen. */
export function showFunctions(connection, document) {
  const list = $("function-list");
  const open = (name) => {
    chosen = name;
    const found = document.functions.find((entry) => entry.name === name);
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-current", String(button.textContent === name));
    $("function").replaceChildren(...form(connection, document, found));
  };
  list.replaceChildren(...document.functions.map(({ name }) => el("li", {}, el("button", { type: "button", onclick: () => open(name) }, name))));
  const names = document.functions.map(({ name }) => name);
  if (names.length === 0) $("function").replaceChildren(el("p", { className: "empty" }, "This runtime has no functions to call."));
  else open(names.includes(chosen) ? chosen : names[0]);
}

function form(connection, document, entry) {
  const fields = entry.params.flatMap((param) => fieldsOf(document, param));
  const output = el("div", { "aria-live": "polite" });
  const [run, stop] = [el("button", { className: "primary", type: "submit" }, "Call"), el("button", { type: "button", disabled: true }, "Stop")];
  const signature = `${entry.name}(${entry.params.map((p) => `${p.name}${p.optional ? "?" : ""}: ${p.type}`).join(", ")}) → ${entry.returns}`;
  const required = fields.filter((field) => !field.optional);
  const optional = fields.filter((field) => field.optional);
  const body = el("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      const params = {};
      try {
        for (const field of fields) field.read(params);
      } catch (error) {
        return output.replaceChildren(complaint(error));
      }
      const abort = new AbortController();
      stop.onclick = () => abort.abort();
      [run.disabled, stop.disabled] = [true, false];
      const items = el("pre", { hidden: true, ariaLabel: "Streamed items" });
      output.replaceChildren(items);
      try {
        const { client } = connection;
        const stream = entry.stream === null ? null : client.stream(entry.name, params, { signal: abort.signal });
        for await (const item of stream ?? []) {
          items.hidden = false;
          items.append(typeof item?.token === "string" ? item.token : `${JSON.stringify(item)}\n`);
          items.scrollTop = items.scrollHeight;
        }
        const result = await (stream ? stream.result : client.call(entry.name, params, { signal: abort.signal }));
        output.append(el("pre", { tabIndex: 0, className: "result", ariaLabel: "Result" }, pretty(result)));
      } catch (error) {
        output.append(complaint(error));
      } finally {
        [run.disabled, stop.disabled] = [false, true];
      }
    },
  }, ...required.map((field) => field.row),
    optional.length ? el("details", {}, el("summary", {}, `${optional.length} optional`), ...optional.map((field) => field.row)) : null,
    el("div", { className: "row" }, run, stop));
  const docs = (entry.description ?? "").trim();
  return [el("h2", {}, el("code", {}, signature)), docs ? el("p", { className: "docs" }, docs) : null, body, output].filter(Boolean);
}

/** The inputs of a parameter. The fields of `options` go flat, as the node takes them. */
function fieldsOf(document, param) {
  const type = document.types[param.type.replace(/^Option<(.*)>$/, "$1")];
  if (param.name === "options" && type?.fields) return type.fields.map((field) => fieldOf(document, field, true));
  return [fieldOf(document, param, param.optional)];
}

function fieldOf(document, { name, type, description }, optional) {
  const id = `field-${name}`;
  const plain = type.replace(/^Option<(.*)>$/, "$1");
  const input = inputOf(document, plain, { id, required: !optional });
  const about = [plain, (description ?? "").trim().split("\n")[0]].filter(Boolean).join(" · ");
  const row = el("div", { className: "field" }, el("label", { htmlFor: id }, name), input, el("span", { className: "about" }, about));
  const read = (params) => {
    const text = input.value;
    if (text === "") return;
    if (plain === "String" || input.tagName === "SELECT" && plain !== "bool") params[name] = text;
    else {
      try {
        params[name] = JSON.parse(text);
      } catch {
        // A value like `hello` for a type that also takes text: let the node judge it.
        params[name] = text;
      }
    }
  };
  return { optional, row, read };
}

function inputOf(document, type, attributes) {
  const described = document.types[type];
  if (type === "String") return el("textarea", { rows: 2, ...attributes });
  const choices = type === "bool" ? ["true", "false"] : described?.kind === "enum" && described.variants.every((v) => !v.fields && !v.as && !v.items) ? described.variants.map((v) => v.name) : null;
  if (choices) return el("select", attributes, el("option", { value: "" }, ""), ...choices.map((choice) => el("option", { value: choice }, choice)));
  if (/^([ui](8|16|32|64|128)|F32|F64|f32|f64)$/.test(type) || described?.kind === "number" || described?.kind === "integer") return el("input", { inputMode: "decimal", autocomplete: "off", ...attributes });
  return el("textarea", { rows: 2, className: "code", placeholder: "JSON", ...attributes });
}
