// Drives Backstay through the public `pocketbase` client, as a web page would: node records.mjs URL EMAIL PASSWORD
import assert from "node:assert/strict";
import PocketBase, { ClientResponseError } from "pocketbase";

const [url, email, password] = process.argv.slice(2);
const owner = new PocketBase(url);
const guest = new PocketBase(url);
const member = new PocketBase(url);
for (const client of [owner, guest, member]) client.autoCancellation(false);

async function refused(status, promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ClientResponseError, String(error));
    assert.equal(error.status, status, JSON.stringify(error.response));
    return error.response;
  }
  assert.fail(`expected ${status}`);
}

// health, sign-in
assert.equal((await guest.health.check()).code, 200);
await refused(400, owner.collection("_superusers").authWithPassword(email, "wrong"));
await owner.collection("_superusers").authWithPassword(email, password);
assert.ok(owner.authStore.isValid && owner.authStore.isSuperuser);
await owner.collection("_superusers").authRefresh();

// collections
const authors = await owner.collections.create({
  name: "authors",
  type: "base",
  listRule: "",
  viewRule: "",
  fields: [
    { name: "name", type: "text", required: true },
    { name: "born", type: "number" },
  ],
});
const books = await owner.collections.create({
  name: "books",
  type: "base",
  listRule: "",
  viewRule: "",
  createRule: "@request.auth.id != ''",
  updateRule: "owner = @request.auth.id",
  deleteRule: "owner = @request.auth.id",
  fields: [
    { name: "title", type: "text", required: true },
    { name: "author", type: "relation", collectionId: authors.id, maxSelect: 1 },
    { name: "tags", type: "select", values: ["old", "new", "long"], maxSelect: 3 },
    { name: "sold", type: "number" },
    { name: "owner", type: "relation", collectionId: "_pb_users_auth_", maxSelect: 1 },
    { name: "meta", type: "json" },
    { name: "created", type: "autodate", onCreate: true },
  ],
  indexes: ["CREATE INDEX `idx_books_title` ON `books` (`title`)"],
});
assert.equal((await owner.collections.getOne("books")).id, books.id);
assert.ok((await owner.collections.getFullList({ sort: "name" })).some((item) => item.name === "authors"));
assert.ok("base" in (await owner.collections.getScaffolds()));
assert.ok((await owner.collections.getAllOAuth2Providers()).some((item) => item.name === "google"));
assert.equal((await owner.collections.dryRunViewQuery("select id, title from books")).fields.length, 2);
await refused(401, guest.collections.getFullList());

// sign up and sign in
await guest.collection("users").create({ email: "ann@example.com", password: "ann-secret-1", passwordConfirm: "ann-secret-1" });
const twice = await refused(
  400,
  guest.collection("users").create({ email: "ann@example.com", password: "ann-secret-1", passwordConfirm: "other" }),
);
assert.equal(twice.data.passwordConfirm.code, "validation_values_mismatch");
const methods = await guest.collection("users").listAuthMethods();
assert.equal(methods.password.enabled, true);
const signedIn = await member.collection("users").authWithPassword("ann@example.com", "ann-secret-1");
assert.equal(signedIn.record.email, "ann@example.com");

// records
const leguin = await owner.collection("authors").create({ name: "Ursula K. Le Guin", born: 1929 });
const lem = await owner.collection("authors").create({ name: "Stanisław Lem", born: 1921 });
await refused(400, guest.collection("books").create({ title: "nobody's" }));
const ann = signedIn.record.id;
const first = await member.collection("books").create({
  title: "The Dispossessed",
  author: leguin.id,
  tags: ["old", "long"],
  owner: ann,
  meta: { pages: 387, printed: ["1974"] },
});
await member.collection("books").create({ title: "Solaris", author: lem.id, tags: ["old"], owner: ann });
const fault = await refused(400, member.collection("books").create({ title: "", tags: ["never"] }));
assert.deepEqual(Object.keys(fault.data).sort(), ["tags", "title"]);

const page = await guest.collection("books").getList(1, 1, { sort: "-title", expand: "author", filter: "author.born < 1925" });
assert.equal(page.totalItems, 1);
assert.equal(page.items[0].expand.author.name, "Stanisław Lem");
const wanted = guest.filter("title ~ {:part} && tags:each ?= {:tag}", { part: "dis'possessed".replace("'", ""), tag: "long" });
assert.equal((await guest.collection("books").getFirstListItem(wanted)).id, first.id);
await refused(404, guest.collection("books").getFirstListItem("title = 'none'"));
assert.equal((await guest.collection("books").getFullList({ fields: "id,title:excerpt(3,true)", sort: "title" }))[1].title, "The...");
const writer = await guest.collection("authors").getOne(leguin.id, { expand: "books_via_author" });
assert.equal(writer.expand.books_via_author.length, 1);

// changes
await member.collection("books").update(first.id, { "sold+": 3, "tags+": "new" });
const changed = await guest.collection("books").getOne(first.id);
assert.equal(changed.sold, 3);
assert.deepEqual(changed.tags, ["old", "long", "new"]);
await refused(404, guest.collection("books").update(first.id, { title: "stolen" }));
await refused(404, guest.collection("books").delete(first.id));

// batch: off by default, then all or nothing; the client sends it as multipart
let batch = member.createBatch();
batch.collection("books").create({ title: "One" });
await refused(403, batch.send());
await owner.settings.update({ batch: { enabled: true } });
assert.equal((await owner.settings.getAll()).batch.enabled, true);
batch = member.createBatch();
batch.collection("books").create({ title: "One", owner: ann });
batch.collection("books").update(first.id, { "sold+": 1 });
batch.collection("books").upsert({ id: first.id, title: "The Dispossessed: An Ambiguous Utopia" });
assert.deepEqual((await batch.send()).map((answer) => answer.status), [200, 200, 200]);
const before = (await guest.collection("books").getList()).totalItems;
batch = member.createBatch();
batch.collection("books").create({ title: "Two", owner: ann });
batch.collection("books").create({ title: "" });
const failed = await refused(400, batch.send());
assert.equal(failed.data.requests["1"].response.data.title.code, "validation_required");
assert.equal((await guest.collection("books").getList()).totalItems, before);

// as somebody else; rules that change; the end
const asAnn = await owner.collection("users").impersonate(ann, 60);
assert.equal(asAnn.authStore.record.id, ann);
await asAnn.collection("books").update(first.id, { sold: 0 });
await owner.collections.update("books", { listRule: null });
await refused(403, guest.collection("books").getList());
await member.collection("users").update(ann, { oldPassword: "ann-secret-1", password: "ann-secret-2", passwordConfirm: "ann-secret-2" });
await refused(401, new PocketBase(url, member.authStore).collection("users").authRefresh());
await owner.collections.truncate("books");
await owner.collections.import([{ ...books, name: "volumes" }], false);
assert.equal((await owner.collections.getOne("volumes")).id, books.id);
await owner.collections.delete("volumes");
await owner.collection("users").delete(ann);
console.log("all passed");
