// An OpenID provider that others wrote (npm oidc-provider), and beside it a forge of tokens that it would never make.
//   node provider.cjs PORT [SITE]
// SITE is the address of the server whose people sign in here with their browsers.
// Prints {"issuer", "control"} when both listen. The control takes POST /login, /person, /sign and /fetches, with JSON.

const crypto = require("node:crypto");
const http = require("node:http");
const { pathToFileURL } = require("node:url");

const AUDIENCE = "api://timeledger";
const REDIRECT = "http://127.0.0.1:9/callback";
const encoded = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

const pair = (type, options) => crypto.generateKeyPairSync(type, options);
const run = crypto.randomBytes(4).toString("hex");
const keys = {
  rsa: pair("rsa", { modulusLength: 2048 }),
  ec: pair("ec", { namedCurve: "P-256" }),
  foreign: pair("rsa", { modulusLength: 2048 }),
};
const kid = (name) => `${name}-${run}`;
const jwk = (name) => ({ ...keys[name].privateKey.export({ format: "jwk" }), kid: kid(name), use: "sig" });

const people = new Map();

/** A token as it is asked for: good but for what `sent` says. */
function forged(issuer, { key = "rsa", alg = "RS256", header = {}, claims = {}, without = [] }) {
  const now = Math.floor(Date.now() / 1000);
  const good = { iss: issuer, aud: AUDIENCE, sub: "forged", iat: now, exp: now + 3600, scope: "reports.read time.write" };
  const body = { ...good, ...claims };
  for (const name of without) delete body[name];
  const head = { typ: "at+jwt", alg, kid: kid(key === "foreign" ? "rsa" : key), ...header };
  if (head.kid === null) delete head.kid;
  if (header.jwk === true) head.jwk = keys.foreign.publicKey.export({ format: "jwk" });
  const message = `${encoded(head)}.${encoded(body)}`;
  const { privateKey, publicKey } = keys[key];
  const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const sign = {
    RS256: () => crypto.sign("sha256", message, privateKey),
    PS256: () => crypto.sign("sha256", message, { key: privateKey, ...pss }),
    ES256: () => crypto.sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    HS256: () => crypto.createHmac("sha256", publicKey.export({ type: "spki", format: "pem" })).update(message).digest(),
    none: () => Buffer.alloc(0),
  }[alg];
  return `${message}.${sign().toString("base64url")}`;
}

/** Signs somebody in as a browser would, by code with PKCE; gives the provider's answer. */
async function login(issuer, { user, scope = "openid reports.read time.write", claims = {} }) {
  people.set(user, claims);
  const jar = new Map();
  const ask = async (address, options = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const reply = await fetch(address, { redirect: "manual", ...options, headers: { ...options.headers, cookie } });
    for (const line of reply.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      jar.set(name, value);
    }
    return reply;
  };
  const form = (fields) => ({
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });
  const verifier = crypto.randomBytes(32).toString("base64url");
  const challenge = crypto.createHash("sha256").update(verifier).digest("base64url");
  const query = new URLSearchParams({
    client_id: "web", response_type: "code", redirect_uri: REDIRECT, scope, resource: AUDIENCE, state: "s", nonce: "n",
    code_challenge: challenge, code_challenge_method: "S256",
  });
  let at = `${issuer}/auth?${query}`;
  for (let step = 0; step < 12; step += 1) {
    let reply;
    if (at.includes("/interaction/")) {
      const page = await (await ask(at)).text();
      const prompt = page.includes('value="login"') ? "login" : "consent";
      reply = await ask(at, form({ prompt, login: user, password: "x" }));
    } else {
      reply = await ask(at);
    }
    const to = reply.headers.get("location");
    if (!to) throw new Error(`${at}: ${reply.status} ${await reply.text()}`);
    at = new URL(to, issuer).href;
    if (at.startsWith(REDIRECT)) {
      const code = new URL(at).searchParams.get("code");
      if (!code) throw new Error(at);
      const fields = { grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: verifier, resource: AUDIENCE };
      const basic = `Basic ${Buffer.from("web:secret").toString("base64")}`;
      const asked = form(fields);
      return (await fetch(`${issuer}/token`, { ...asked, headers: { ...asked.headers, authorization: basic } })).json();
    }
  }
  throw new Error("the provider goes in circles");
}

(async () => {
  const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);
  const port = Number(process.argv[2]);
  const issuer = `http://127.0.0.1:${port}`;
  const site = process.argv[3];
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk("rsa"), jwk("ec")] },
    clients: [
      { client_id: "web", client_secret: "secret", redirect_uris: [REDIRECT], grant_types: ["authorization_code"] },
      ...(site ? [{
        client_id: "timeledger", client_secret: "client-secret-of-timeledger", grant_types: ["authorization_code"],
        redirect_uris: [`${site}/signin/oidc/callback`], post_logout_redirect_uris: [`${site}/signin`],
        backchannel_logout_uri: `${site}/signin/oidc/logout`, backchannel_logout_session_required: true,
      }] : []),
      { client_id: "robot", client_secret: "secret", redirect_uris: [], response_types: [], grant_types: ["client_credentials"] },
    ],
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people.get(id) }) }),
    extraTokenClaims: (_, token) => people.get(token.accountId),
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email"], groups: ["groups"] },
    pkce: { required: () => true },
    // Its own refuses addresses of this machine.
    fetch: (address, options) => fetch(address, { ...options, dispatcher: undefined }),
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (context) => (context.oidc.client.clientId === "timeledger" ? undefined : AUDIENCE),
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: "reports.read time.write admin", audience: AUDIENCE, accessTokenFormat: "jwt" }),
      },
    },
  });
  let fetches = 0;
  provider.use(async (context, next) => {
    fetches += context.path === "/jwks" ? 1 : 0;
    await next();
  });
  provider.on("backchannel.error", (_, error) => console.error(error));
  provider.on("server_error", (_, error) => console.error(error));
  const control = http.createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const sent = text ? JSON.parse(text) : {};
    try {
      const answers = {
        "/login": () => login(issuer, sent),
        "/person": () => (people.set(sent.user, sent.claims), {}),
        "/sign": () => ({ token: forged(issuer, sent) }),
        "/fetches": () => ({ fetches }),
      };
      response.end(JSON.stringify(await answers[request.url]()));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error.stack));
    }
  });
  provider.listen(port, "127.0.0.1", () => {
    control.listen(0, "127.0.0.1", () => {
      console.log(JSON.stringify({ issuer, control: `127.0.0.1:${control.address().port}` }));
    });
  });
  // It ends with whoever started it.
  process.stdin.on("end", () => process.exit()).resume();
})();
