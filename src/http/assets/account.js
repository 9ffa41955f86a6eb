import { ask, attempt, byId, whoAmI } from "./page.js";

const when = (text) => (text ? new Date(text).toLocaleString() : "–");

function row(cells, label, end) {
  const line = document.createElement("tr");
  for (const cell of cells) line.insertCell().textContent = cell ?? "–";
  const button = document.createElement("button");
  button.textContent = label;
  button.addEventListener("click", () => attempt(async () => {
    await end();
    await show();
  }));
  line.insertCell().append(button);
  return line;
}

async function show() {
  const me = await whoAmI();
  byId("me").textContent = `${me.name} (${me.uniqueName}), ${me.role}`;
  byId("password-of-here").hidden = !me.localAccounts || !me.session;
  byId("current-line").hidden = !me.hasPassword;
  byId("current").required = me.hasPassword;
  for (const id of ["sign-out", "everywhere"]) byId(id).hidden = !me.session;
  const [sessions, tokens, grants] = await Promise.all(
    ["sessions", "tokens", "grants"].map((name) => ask("GET", `/api/v1/${name}`)),
  );
  byId("sessions").replaceChildren(...sessions.items.map((one) => row(
    [one.current ? `This one (${one.client ?? one.kind})` : one.client ?? one.kind, one.address, when(one.createdAt), when(one.seenAt)],
    "End", () => ask("DELETE", `/api/v1/sessions/${one.id}`),
  )));
  const living = tokens.items.filter((one) => !one.revokedAt && new Date(one.expiresAt) > new Date());
  byId("tokens").replaceChildren(...living.map((one) => row(
    [one.name, one.prefix, one.scopes, when(one.lastUsedAt), when(one.expiresAt)],
    "Revoke", () => ask("DELETE", `/api/v1/tokens/${one.id}`),
  )));
  byId("grants").replaceChildren(...grants.items.map((one) => row(
    [one.client, one.address, when(one.createdAt), when(one.refreshedAt)],
    "End", () => ask("DELETE", `/api/v1/grants/${one.id}`),
  )));
}

byId("sign-out").addEventListener("click", () => attempt(async () => {
  location.assign((await ask("POST", "/signout")).location);
}));
byId("everywhere").addEventListener("click", () => attempt(async () => {
  if (!confirm("Sign out of all browsers, and end all programs that you let in?")) return;
  const tokens = confirm("Revoke your tokens, too? Reports and scripts that use them will stop.");
  await ask("POST", "/api/v1/sign-out-everywhere", { tokens });
  location.reload();
}));
byId("new-token").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const made = await ask("POST", "/api/v1/tokens", { name: byId("token-name").value, days: Number(byId("token-days").value) });
    byId("secret").textContent = `Your token, shown this once: ${made.token}`;
    byId("secret").hidden = false;
    await show();
  });
});
byId("change-password").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const current = byId("current").value || undefined;
    await ask("POST", "/account/password", { current, password: byId("password").value });
    byId("secret").textContent = "Your password is changed.";
    byId("secret").hidden = false;
    event.target.reset();
    await show();
  });
});
attempt(show);
