// What the pages share: asking the APIs, telling of trouble.

export const prefix = document.querySelector("meta[name=prefix]").content;
export const byId = (id) => document.getElementById(id);

let csrf = "";

/** What an API answers; an error has its sentence. Whoever must sign in again is sent there. */
export async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  const reply = await fetch(prefix + path, {
    method,
    headers,
    credentials: "same-origin",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  const answer = text && text.startsWith("{") ? JSON.parse(text) : {};
  if (reply.ok) return answer;
  const here = encodeURIComponent(location.pathname.slice(prefix.length));
  const code = answer.code ?? answer.error?.errorCode;
  if (reply.status === 401) location.assign(`${prefix}/signin?return_to=${here}`);
  if (code === "ReauthRequired") {
    const again = me?.session?.kind === "oidc" ? "/signin/oidc?again=1&" : "/signin?";
    location.assign(`${prefix}${again}return_to=${here}`);
  }
  throw new Error(answer.detail ?? answer.error?.message ?? `The server answered ${reply.status}.`);
}

let me;

/** Who is signed in. Changes need its token. */
export async function whoAmI() {
  me = await ask("GET", "/api/v1/me");
  csrf = me.session?.csrfToken ?? "";
  return me;
}

/** Does something; what goes wrong is told on the page. */
export async function attempt(work) {
  const trouble = byId("trouble");
  trouble.hidden = true;
  try {
    return await work();
  } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
    return undefined;
  }
}
