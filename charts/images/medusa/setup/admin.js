/**
 * The store's first administrator, written the way Medusa's user and emailpass modules would. Going through Medusa
 * itself would start a whole second server, which takes longer than all the rest of the setup.
 */
"use strict";

const scrypt = require("scrypt-kdf");
const { ulid } = require("ulid");

/** The cost that @medusajs/auth-emailpass hashes with unless configured otherwise. */
const COST = { logN: 15, r: 8, p: 1 };
const FACT = "admin_password";

/**
 * Creates the user if the e-mail address is new. An existing user keeps a password that was changed in the shop; only
 * when the given one differs from what an earlier run was given (the credentials were lost and made anew) is it set.
 */
async function ensureAdmin(client, { name, email, password }) {
  if (await wasApplied(client, password)) {
    return;
  }
  const hash = (await scrypt.kdf(password, COST)).toString("base64");
  await client.query("BEGIN");
  const user = await ensureUser(client, name, email);
  await ensureIdentity(client, user, email, hash);
  await client.query(
    "INSERT INTO store_platform.fact VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
    [FACT, hash],
  );
  await client.query("COMMIT");
  console.log("The administrator can log in.");
}

async function wasApplied(client, password) {
  const { rows } = await client.query("SELECT value FROM store_platform.fact WHERE name = $1", [FACT]);
  return rows.length > 0 && scrypt.verify(Buffer.from(rows[0].value, "base64"), password);
}

async function ensureUser(client, name, email) {
  const { rows } = await client.query('SELECT id FROM "user" WHERE email = $1 AND deleted_at IS NULL', [email]);
  if (rows.length > 0) {
    return rows[0].id;
  }
  const id = `user_${ulid()}`;
  await client.query('INSERT INTO "user" (id, email, first_name) VALUES ($1, $2, $3)', [id, email, name]);
  return id;
}

async function ensureIdentity(client, user, email, hash) {
  const metadata = JSON.stringify({ password: hash });
  const { rowCount } = await client.query(
    "UPDATE provider_identity SET provider_metadata = $2, updated_at = now() WHERE provider = 'emailpass' AND entity_id = $1",
    [email, metadata],
  );
  if (rowCount > 0) {
    return;
  }
  const identity = `authid_${ulid()}`;
  await client.query("INSERT INTO auth_identity (id, app_metadata) VALUES ($1, $2)", [
    identity,
    JSON.stringify({ user_id: user }),
  ]);
  await client.query(
    `INSERT INTO provider_identity (id, entity_id, provider, auth_identity_id, provider_metadata)
     VALUES ($1, $2, 'emailpass', $3, $4)`,
    [ulid(), email, identity, metadata],
  );
}

module.exports = { ensureAdmin };
