// A real OpenID provider on loopback: node provider.mjs PORT REDIRECT_URI. Prints "ready" once it listens.
import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "backstay",
      client_secret: "a client secret of some length",
      redirect_uris: [redirect, "https://app.example/callback"],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ["a key for tests"] },
  async findAccount(_, id) {
    return {
      accountId: id,
      claims: () => ({
        sub: id,
        name: `${id} at the provider`,
        preferred_username: id,
        email: `${id}@example.com`,
        email_verified: !id.startsWith("unverified"),
      }),
    };
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
