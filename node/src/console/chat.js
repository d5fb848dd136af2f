// The chat: one answer at a time, token by token.
import { $, complaint, el } from "./dom.js";

export function startChat(connection) {
  const [talk, message, stop, send] = [$("talk"), $("message"), $("stop"), $("say").querySelector("[type=submit]")];
  const empty = talk.firstElementChild;
  let answering = null;
  /** Whether something was said on this connection. */
  let remembered = false;

  const add = (element) => {
    empty.remove();
    talk.append(element);
    talk.scrollTop = talk.scrollHeight;
    return element;
  };

  async function say(text) {
    add(el("div", { className: "turn mine" }, text));
    remembered = true;
    const said = el("span", {}, "…");
    const turn = add(el("div", { className: "turn theirs" }, said));
    const params = { message: text };
    const number = (id, name) => { if ($(id).value !== "") params[name] = Number($(id).value); };
    number("temperature", "temperature");
    number("max-tokens", "max_tokens");
    answering = new AbortController();
    [stop.disabled, send.disabled] = [false, true];
    const began = performance.now();
    let [tokens, first] = [0, 0];
    try {
      const stream = connection.client.stream("chat", params, { signal: answering.signal });
      for await (const token of stream) {
        if (tokens++ === 0) [said.textContent, first] = ["", performance.now() - began];
        said.textContent += token.text;
        talk.scrollTop = talk.scrollHeight;
      }
      const result = await stream.result;
      said.textContent = result.text;
      const seconds = (performance.now() - began) / 1000;
      const facts = [`${result.tokens_generated} tokens`, `first after ${Math.round(first)} ms`, `${(result.tokens_generated / seconds).toFixed(1)} tokens/s`, `finished: ${result.finish_reason}`];
      if (result.cost_usd > 0) facts.push(`$${result.cost_usd}`);
      turn.append(el("small", {}, facts.join(" · ")));
    } catch (error) {
      if (tokens === 0) said.textContent = "";
      turn.append(error.code === "CANCELLED" ? el("small", {}, "stopped") : complaint(error));
    } finally {
      answering = null;
      [stop.disabled, send.disabled] = [true, false];
      talk.scrollTop = talk.scrollHeight;
      message.focus();
    }
  }

  connection.addEventListener("state", ({ detail: { value } }) => {
    if (value !== "connected") return;
    if (remembered) add(el("p", { className: "note" }, "The connection is a new one: what was said before is forgotten."));
    remembered = false;
  });
  $("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = message.value.trim();
    if (text === "" || answering) return;
    message.value = "";
    say(text);
  });
  message.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("say").requestSubmit();
    }
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && answering?.abort());
  stop.addEventListener("click", () => answering?.abort());
  $("forget").addEventListener("click", () => {
    answering?.abort();
    talk.replaceChildren(empty);
    remembered = false;
    // The conversation belongs to the connection.
    connection.client.reconnect().catch(() => {});
  });
}
