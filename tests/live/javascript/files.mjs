// Files and realtime through the public client: node files.mjs URL EMAIL PASSWORD PHASE
import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import PocketBase from "pocketbase";
import { refused, until } from "./shared.mjs";

globalThis.EventSource = EventSource;
const [url, email, password, phase] = process.argv.slice(2);
const owner = new PocketBase(url);
await owner.collection("_superusers").authWithPassword(email, password);
const site = new PocketBase(url);
const papers = site.collection("papers");
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEklEQVR4nGNkYGhggAEmBiQAAAvOAIQxUeGoAAAAAElFTkSuQmCC",
  "base64",
);

async function text(address) {
  const reply = await fetch(address);
  assert.equal(reply.status, 200, address);
  return reply.text();
}

if (phase === "first") {
  await owner.collections.create({
    name: "papers",
    type: "base",
    ...Object.fromEntries(["list", "view", "create", "update", "delete"].map((name) => [`${name}Rule`, ""])),
    fields: [
      { name: "title", type: "text" },
      { name: "docs", type: "file", maxSelect: 5 },
      { name: "picture", type: "file", maxSelect: 1, thumbs: ["2x0"] },
      { name: "secret", type: "file", maxSelect: 1, protected: true },
    ],
  });
  const made = await papers.create({
    title: "one",
    docs: [new File(["first"], "First Paper.txt"), new File(["second"], "second.txt")],
    picture: new File([PIXEL], "pixel.png"),
    secret: new File(["sesame"], "secret.txt"),
  });
  assert.equal(made.docs.length, 2);
  assert.equal(await text(site.files.getURL(made, made.docs[0])), "first");
  const more = await papers.update(made.id, { "docs+": new File(["third"], "third.txt") });
  assert.deepEqual(more.docs.slice(0, 2), made.docs);
  const less = await papers.update(made.id, { "docs-": [made.docs[0]] });
  assert.equal(less.docs.length, 2);
  const replaced = await papers.update(made.id, { docs: [new File(["only"], "only.txt")] });
  assert.equal(await text(site.files.getURL(replaced, replaced.docs[0])), "only");
  await until("the old file is gone", async () => (await fetch(site.files.getURL(made, made.docs[1]))).status === 404);
  const emptied = await papers.update(made.id, { docs: [] });
  assert.deepEqual(emptied.docs, []);
}

// thumbnails and protected files, also after a restart
const record = await papers.getFirstListItem("title = 'one'");
const thumb = await fetch(site.files.getURL(record, record.picture, { thumb: "2x0" }));
assert.equal(thumb.headers.get("content-type"), "image/png");
const bytes = Buffer.from(await thumb.arrayBuffer());
assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [2, 1]);
assert.equal((await fetch(site.files.getURL(record, record.secret))).status, 200);
await owner.collections.update("papers", { viewRule: "title = 'never'" });
assert.equal((await fetch(site.files.getURL(record, record.secret))).status, 404);
const token = await owner.files.getToken();
assert.equal(await text(owner.files.getURL(record, record.secret, { token })), "sesame");
await owner.collections.update("papers", { viewRule: "" });

// a batch with files
await owner.settings.update({ batch: { enabled: true } });
const batch = site.createBatch();
batch.collection("papers").create({ title: "batched", docs: [new File(["b"], "b.txt")] });
const [answer] = await batch.send();
assert.equal(await text(site.files.getURL(answer.body, answer.body.docs[0])), "b");

// realtime
const heard = [];
const unsubscribe = await papers.subscribe("*", (event) => heard.push(event), { filter: "title ~ 'loud'" });
const quiet = await papers.create({ title: "quiet" });
const loud = await papers.create({ title: "loud" });
await until("the loud one", () => heard.length === 1);
assert.deepEqual([heard[0].action, heard[0].record.id], ["create", loud.id]);
let single = 0;
await papers.subscribe(quiet.id, () => single++);
await papers.update(quiet.id, { title: "still quiet" });
await until("the quiet one", () => single === 1);
await papers.delete(loud.id);
await until("its deletion", () => heard.length === 2);
await unsubscribe();
await papers.create({ title: "loud again" });
await papers.update(quiet.id, { title: "quiet 2" });
await until("the quiet one again", () => single === 2);
assert.equal(heard.length, 2);

if (phase === "restart") {
  // the server is restarted by whoever runs this when it reads "waiting"; the client comes back by itself
  console.log("waiting");
  await until("the connection is lost", () => !site.realtime.isConnected, 30);
  await until("it is back", () => site.realtime.isConnected, 30);
  await until("an event after the restart", async () => {
    await papers.update(quiet.id, { title: `after ${Date.now()}` }).catch(() => {});
    return single > 2;
  }, 30);
}
await papers.unsubscribe();
await refused(404, papers.getOne("missing00000000"));
console.log("all passed");
process.exit(0);
