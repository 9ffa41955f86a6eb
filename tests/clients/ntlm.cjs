// httpntlm: ntlm.cjs ADDRESS DOMAIN USER PASSWORD. Reads a report and posts 1 MiB.
const httpntlm = require("httpntlm");

const [address, domain, username, password] = process.argv.slice(2);
const report = address + "/api/odata/v3.2/workLogsOnly?$top=2";
const enter = address + "/api/rest/workLogs?api-version=3.2";
const log = '{"timeStamp":"2024-05-02T09:30:00","length":60,"comment":"1 MiB"}';
const body = log + " ".repeat(1024 * 1024 - log.length);

const ask = (method, options) =>
  new Promise((resolve, reject) =>
    httpntlm[method]({ domain, username, password, workstation: "", ...options }, (error, answer) =>
      error ? reject(error) : resolve(answer)));

(async () => {
  const read = await ask("get", { url: report });
  if (read.statusCode !== 200 || JSON.parse(read.body).value.length !== 2) throw new Error(read.statusCode + read.body);
  const posted = await ask("post", { url: enter, body, headers: { "Content-Type": "application/json" } });
  if (posted.statusCode !== 200) throw new Error(posted.statusCode + posted.body);
  const refused = await ask("get", { url: report, password: password + "x" });
  if (refused.statusCode !== 401) throw new Error("a wrong password: " + refused.statusCode);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
