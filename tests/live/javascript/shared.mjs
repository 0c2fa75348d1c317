// What the scripts share: refusals, mails, waiting.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ClientResponseError } from "pocketbase";

export async function refused(status, promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ClientResponseError, String(error));
    assert.equal(error.status, status, JSON.stringify(error.response));
    return error.response;
  }
  assert.fail(`expected ${status}`);
}

export async function until(what, look, seconds = 15) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`in vain: ${what}`);
}

/** Return a reader of the mails which the SMTP server puts into a folder; each is given once. */
export function mailbox(folder) {
  const read = new Set();
  return (to) =>
    until(`a mail to ${to}`, async () => {
      for (const name of (await readdir(folder)).sort()) {
        if (read.has(name) || !name.endsWith(".json")) continue;
        const mail = JSON.parse(await readFile(join(folder, name), "utf8"));
        if (mail.to !== to) continue;
        read.add(name);
        return mail;
      }
    });
}
