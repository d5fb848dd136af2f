// Small helpers for the page. Text from the node is only ever set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** `el("td", { className: "code" }, "text", child)` */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** `0x1234ab…cdef`, with all of it on hover. */
export function short(hash) {
  const text = String(hash ?? "–");
  return text.length > 20 ? `${text.slice(0, 10)}…${text.slice(-4)}` : text;
}

export const pretty = (value) => JSON.stringify(value, null, 2);

/** What went wrong, and its code. */
export function complaint(error) {
  return el("p", { className: "error", role: "alert" }, error.code ? `${error.code}: ${error.message}` : error.message);
}
