// axios, with the credentials as its defaults: routes.cjs ADDRESS TOKEN. Walks routes.json.
const axios = require("axios");
const steps = require("./routes.json");

const [address, token] = process.argv.slice(2);
const clients = [
  axios.create({ baseURL: address, auth: { username: "", password: token } }),
  axios.create({ baseURL: address, headers: { common: { Authorization: "Bearer " + token } } }),
];

const at = (value, pointer) =>
  pointer.split("/").slice(1).reduce((inner, name) => inner?.[name], value);

const walk = async (client) => {
  const kept = {};
  const filled = (text) => text.replace(/\{(\w+)\}/g, (whole, name) => kept[name] ?? whole);
  for (const { ask, body, status = 200, has = [], code, keep = {} } of steps) {
    const [method, url] = ask.split(" ");
    const sent = body === undefined ? undefined : JSON.parse(filled(JSON.stringify(body)));
    const answer = await client.request({ method, url: filled(url), data: sent, validateStatus: () => true });
    const shown = `${ask}: ${answer.status} ${JSON.stringify(answer.data)}`;
    if (answer.status !== status) throw new Error(shown);
    if (code && answer.data.error.errorCode !== code) throw new Error(shown);
    for (const pointer of has) {
      if (at(answer.data, pointer) === undefined) throw new Error(`${pointer} is missing: ${shown}`);
    }
    for (const [name, pointer] of Object.entries(keep)) kept[name] = at(answer.data, pointer);
  }
};

(async () => {
  for (const client of clients) await walk(client);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
