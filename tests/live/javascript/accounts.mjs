// Sign-up to OAuth2 through the public client: node accounts.mjs URL EMAIL PASSWORD MAILS PROVIDER SMTP_PORT
import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import PocketBase from "pocketbase";
import { signInAtProvider } from "./browser.mjs";
import { mailbox, refused } from "./shared.mjs";

globalThis.EventSource = EventSource;
const [url, email, password, folder, provider, smtpPort] = process.argv.slice(2);
const mail = mailbox(folder);
const owner = new PocketBase(url);
await owner.collection("_superusers").authWithPassword(email, password);
await owner.settings.update({
  meta: { appURL: url, appName: "Live" },
  smtp: { enabled: true, host: "127.0.0.1", port: Number(smtpPort), username: "", password: "" },
});
await owner.settings.testEmail("_superusers", "boss@example.com", "verification");
assert.match((await mail("boss@example.com")).text, /Live/);
await owner.collections.update("users", {
  otp: { enabled: true, duration: 180, length: 8 },
  authAlert: { enabled: false },
  oauth2: {
    enabled: true,
    providers: [
      {
        name: "oidc",
        clientId: "backstay",
        clientSecret: "a client secret of some length",
        authURL: `${provider}/auth`,
        tokenURL: `${provider}/token`,
        userInfoURL: `${provider}/me`,
      },
    ],
  },
});

// sign-up, verification
const site = new PocketBase(url);
const users = site.collection("users");
const ann = { email: "ann@example.com", password: "a first password", passwordConfirm: "a first password" };
await users.create(ann);
await refused(400, users.create(ann));
assert.equal((await users.authWithPassword(ann.email, ann.password)).record.verified, false);
await users.requestVerification(ann.email);
const verification = await mail(ann.email);
await users.confirmVerification(verification.token);
assert.equal((await users.authRefresh()).record.verified, true);
assert.equal(site.authStore.record.verified, true);

// a new password
await users.requestPasswordReset("nobody@example.com");
await users.requestPasswordReset(ann.email);
const reset = await mail(ann.email);
await users.confirmPasswordReset(reset.token, "a second password", "a second password");
await refused(400, users.confirmPasswordReset(reset.token, "a third password", "a third password"));
await refused(401, users.authRefresh());
await users.authWithPassword(ann.email, "a second password");

// a new address
await users.requestEmailChange("ann.new@example.com");
const change = await mail("ann.new@example.com");
await refused(400, users.confirmEmailChange(change.token, "not this one"));
await users.confirmEmailChange(change.token, "a second password");
await users.authWithPassword("ann.new@example.com", "a second password");

// the page behind the link works, too
await users.requestPasswordReset("ann.new@example.com");
const link = (await mail("ann.new@example.com")).link;
assert.ok(link.startsWith(`${url}/account/password/`), link);
assert.match(await (await fetch(link)).text(), /ann\.new@example\.com/);
const form = new URLSearchParams({ token: link.split("/").pop(), password: "a third password", passwordConfirm: "a third password" });
const done = await fetch(`${url}/account/password`, { method: "POST", body: form });
assert.equal(done.status, 200);
assert.ok(done.url.endsWith("/account/password-changed"), done.url);

// one-time passwords
const { otpId } = await users.requestOTP("ann.new@example.com");
const { code } = await mail("ann.new@example.com");
await refused(400, users.authWithOTP(otpId, "00000000"));
assert.equal((await users.authWithOTP(otpId, code)).record.email, "ann.new@example.com");
await refused(400, users.authWithOTP(otpId, code));
assert.ok((await users.requestOTP("nobody@example.com")).otpId);

// two factors
await owner.collections.update("users", { mfa: { enabled: true, duration: 600, rule: "" } });
const first = await refused(401, users.authWithPassword("ann.new@example.com", "a third password"));
assert.ok(first.mfaId);
const second = await users.requestOTP("ann.new@example.com");
await users.authWithOTP(second.otpId, (await mail("ann.new@example.com")).code, { mfaId: first.mfaId });
await owner.collections.update("users", { mfa: { enabled: false } });

// the code flow by hand
const methods = await users.listAuthMethods();
const [start] = methods.oauth2.providers;
const back = new URL(
  await signInAtProvider(`${start.authURL}${encodeURIComponent("https://app.example/callback")}`, "bea", "https://app.example"),
);
assert.equal(back.searchParams.get("state"), start.state);
const given = ["oidc", back.searchParams.get("code"), start.codeVerifier, "https://app.example/callback"];
const guest = new PocketBase(url);
await refused(400, guest.collection("users").authWithOAuth2Code("oidc", "no code at all", start.codeVerifier, given[3]));
const bea = await guest.collection("users").authWithOAuth2Code(...given);
assert.deepEqual([bea.record.email, bea.record.verified, bea.meta.isNew], ["bea@example.com", true, true]);
assert.equal(bea.record.name, "bea at the provider");
await refused(400, guest.collection("users").authWithOAuth2Code(...given));

// a verifier that is not the one
const [other] = (await users.listAuthMethods()).oauth2.providers;
const stolen = new URL(
  await signInAtProvider(`${other.authURL}${encodeURIComponent("https://app.example/callback")}`, "bea", "https://app.example"),
);
await refused(
  400,
  guest.collection("users").authWithOAuth2Code("oidc", stolen.searchParams.get("code"), "x".repeat(43), given[3]),
);

// all in one: the popup's page hands the code over by the stream
const popup = async (address) => {
  const home = await signInAtProvider(address, "bea", url);
  const reply = await fetch(home, { redirect: "manual" });
  assert.match(reply.headers.get("location"), /oauth2-redirect-success/);
};
const again = await guest.collection("users").authWithOAuth2({ provider: "oidc", urlCallback: popup });
assert.deepEqual([again.record.id, again.meta.isNew], [bea.record.id, false]);

// linking and unlinking
const links = await guest.collection("users").listExternalAuths(bea.record.id);
assert.deepEqual(links.map((item) => item.provider), ["oidc"]);
await guest.collection("users").unlinkExternalAuth(bea.record.id, "oidc");
assert.equal((await guest.collection("users").listExternalAuths(bea.record.id)).length, 0);

console.log("all passed");
process.exit(0);
