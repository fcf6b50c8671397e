/**
 * Makes the store's database a shop: a fresh one is filled from the template, an older one is migrated, and the
 * administrator can log in. Safe to run again: what a shopkeeper changed stays.
 */
"use strict";

const { spawnSync } = require("node:child_process");
const { randomBytes } = require("node:crypto");
const { readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { gunzipSync } = require("node:zlib");
const { ensureAdmin } = require("./admin");
const { VERSION, connect, required, run } = require("./shared");

const APP = path.join(__dirname, "..");
const TEMPLATE = path.join(APP, "template.sql.gz");
/** The origin that the template's pictures have. */
const TEMPLATE_URL = "http://template.invalid";
/** Any number will do, as long as every setup job of a store takes the same lock. */
const LOCK = 0x53544f52;

async function main() {
  const publicUrl = required("PUBLIC_URL").replace(/\/+$/, "");
  const client = await connect();
  // Two setup jobs may overlap when an attempt was given up: the second waits, then finds everything done.
  await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
  if (await isEmpty(client)) {
    await restoreTemplate(client, publicUrl);
  }
  if (!(await isSetUp(client))) {
    migrate();
  }
  await movePictures(client, publicUrl);
  await ensureAdmin(client, {
    name: required("ADMIN_USERNAME"),
    email: required("ADMIN_EMAIL"),
    password: required("ADMIN_PASSWORD"),
  });
  await markDone(client);
  await handOver(client);
  await client.end();
}

async function isEmpty(client) {
  const { rows } = await client.query(
    "SELECT count(*)::int AS tables FROM information_schema.tables WHERE table_schema IN ('public', 'store_platform')",
  );
  return rows[0].tables === 0;
}

/** In one transaction: a database is either still empty or a whole shop of its own. */
async function restoreTemplate(client, publicUrl) {
  const sql = gunzipSync(readFileSync(TEMPLATE)).toString("utf8");
  await client.query("BEGIN");
  await client.query(sql);
  // The dump empties the search path for its own session.
  await client.query("SET search_path TO public");
  await client.query(`
    CREATE SCHEMA store_platform;
    CREATE TABLE store_platform.setup (version text PRIMARY KEY, finished_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE store_platform.fact (name text PRIMARY KEY, value text NOT NULL);
  `);
  await client.query("INSERT INTO store_platform.fact VALUES ('public_url', $1)", [TEMPLATE_URL]);
  await client.query("UPDATE store SET name = $1, updated_at = now()", [shopName(required("STORE_NAME"))]);
  await giveOwnKey(client);
  await movePictures(client, publicUrl);
  await client.query("INSERT INTO store_platform.setup (version) VALUES ($1)", [`template:${VERSION}`]);
  await client.query("COMMIT");
  console.log("The database was empty: it now holds the template.");
}

/** `acme-garden` becomes `Acme Garden`. */
function shopName(name) {
  return name
    .split("-")
    .filter(Boolean)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join(" ");
}

/** A token as Medusa makes them, so that no two stores share the template's. */
async function giveOwnKey(client) {
  const token = `pk_${randomBytes(32).toString("hex")}`;
  const redacted = `${token.slice(0, 6)}***${token.slice(-3)}`;
  const { rowCount } = await client.query(
    "UPDATE api_key SET token = $1, redacted = $2, title = 'Storefront', created_at = now(), updated_at = now() WHERE type = 'publishable'",
    [token, redacted],
  );
  if (rowCount !== 1) {
    throw new Error(`the template has ${rowCount} publishable API keys instead of one`);
  }
}

/** Medusa keeps whole URLs: they follow the store when its public address changes. */
async function movePictures(client, publicUrl) {
  const { rows } = await client.query("SELECT value FROM store_platform.fact WHERE name = 'public_url'");
  const from = `${rows[0].value}/static/`;
  const to = `${publicUrl}/static/`;
  if (from === to) {
    return;
  }
  const set = (column) => `${column} = $2 || substr(${column}, length($1) + 1) WHERE starts_with(${column}, $1)`;
  await client.query(`UPDATE image SET ${set("url")}`, [from, to]);
  await client.query(`UPDATE product SET ${set("thumbnail")}`, [from, to]);
  await client.query(`UPDATE product_variant SET ${set("thumbnail")}`, [from, to]);
  await client.query("UPDATE store_platform.fact SET value = $1 WHERE name = 'public_url'", [publicUrl]);
}

/** Whether this version's schema is there: migrated by an earlier run, or just restored. */
async function isSetUp(client) {
  const { rowCount } = await client.query("SELECT 1 FROM store_platform.setup WHERE version = ANY ($1)", [
    [VERSION, `template:${VERSION}`],
  ]);
  return rowCount > 0;
}

/** An older store, or a newer image: Medusa brings its own schema up to date. */
function migrate() {
  console.log(`Migrating the database to ${VERSION}.`);
  const unused = randomBytes(16).toString("hex");
  const { status, error } = spawnSync(process.execPath, [require.resolve("@medusajs/cli/cli.js"), "db:migrate"], {
    cwd: APP,
    stdio: "inherit",
    // Medusa wants these before it looks at anything; a migration signs nothing with them.
    env: { ...process.env, JWT_SECRET: unused, COOKIE_SECRET: unused },
  });
  if (error || status !== 0) {
    throw error ?? new Error(`the database migration ended with exit code ${status}`);
  }
}

async function markDone(client) {
  await client.query("INSERT INTO store_platform.setup (version) VALUES ($1) ON CONFLICT DO NOTHING", [VERSION]);
}

/** What the verification, which has no access to the database, needs to know. */
async function handOver(client) {
  const keys = await client.query(
    `SELECT token FROM api_key WHERE type = 'publishable' AND deleted_at IS NULL
     AND (revoked_at IS NULL OR revoked_at > now()) ORDER BY created_at LIMIT 1`,
  );
  if (keys.rows.length === 0) {
    throw new Error("the store has no publishable API key: make one in the shop's administration");
  }
  const products = await client.query(
    "SELECT count(*)::int AS published FROM product WHERE status = 'published' AND deleted_at IS NULL",
  );
  writeFileSync(
    process.env.HANDOVER ?? "/handover/setup.json",
    JSON.stringify({ key: keys.rows[0].token, published: products.rows[0].published }),
  );
}

run(main);
