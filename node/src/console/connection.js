// The page's connection: one RealmClient at a time. Another key needs another client, so the parts of the page ask for
// `client` when they need it.
import { RealmClient } from "./realm-client.js";

const FIRST_RETRY_MS = 1000;
/** Where a key and a tenant are kept: for this tab alone, and gone with it. */
const KEPT = "realm-access";

/** Emits `state` ("connecting", "connected", "lost", or "refused" with the error), `runtime` and `head`. */
export class Connection extends EventTarget {
  #url;
  client;
  access = kept();

  constructor(url) {
    super();
    this.#url = url;
  }

  /** Calls as somebody else from here on. */
  use(access) {
    this.access = access;
    keep(access);
    this.open();
  }

  /** Connects. A connection that is lost is made anew, until the node refuses who we are. */
  async open() {
    const before = this.client;
    const { key, tenant } = this.access;
    const client = new RealmClient({ wsUrl: this.#url, apiKey: key || undefined, tenantId: tenant || undefined });
    this.client = client;
    before?.close();
    this.#tell("state", "connecting");
    client.on("disconnect", () => this.client === client && this.#tell("state", "lost"));
    client.on("reconnect", () => this.client === client && this.#tell("state", "connected"));
    client.on("runtimeChanged", () => this.client === client && this.#tell("runtime"));
    client.on("close", (error) => this.client === client && this.#refused(error));
    while (this.client === client) {
      try {
        await client.connect();
        break;
      } catch (error) {
        if (this.client !== client) return;
        if (error.code !== "DISCONNECTED") return this.#refused(error);
        this.#tell("state", "lost");
        await new Promise((resolve) => setTimeout(resolve, FIRST_RETRY_MS));
      }
    }
    if (this.client !== client) return client.close();
    this.#tell("state", "connected");
    const onHead = (head) => this.client === client && this.#tell("head", head);
    client.subscribe("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", [], onHead).catch(() => {});
  }

  #refused(error) {
    this.#tell("state", "refused", error);
  }

  #tell(name, value, error) {
    this.dispatchEvent(new CustomEvent(name, { detail: { value, error } }));
  }
}

function kept() {
  try {
    const { key, tenant } = JSON.parse(sessionStorage.getItem(KEPT));
    return { key: String(key), tenant: String(tenant) };
  } catch {
    // Nothing is kept, or the browser keeps nothing for this page.
    return { key: "", tenant: "" };
  }
}

function keep(access) {
  try {
    if (access.key || access.tenant) sessionStorage.setItem(KEPT, JSON.stringify(access));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // The browser keeps nothing for this page, so a reload asks again.
  }
}
