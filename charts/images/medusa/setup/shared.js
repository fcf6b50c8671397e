/** What the setup programs have in common: their environment, the database, and how they end. */
"use strict";

const { writeFileSync } = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const { Client } = require("pg");

/** Kubernetes shows this file's text as the container's termination message. */
const TERMINATION_LOG = process.env.TERMINATION_LOG ?? "/dev/termination-log";

/** Marks a database as set up by this version of the image; the server waits for it. */
const IMAGE = require("../package.json");
const VERSION = `${IMAGE.version}+medusa.${IMAGE.dependencies["@medusajs/medusa"]}`;

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`the environment variable ${name} is not set`);
  }
  return value;
}

/** One try; the caller ends the client. */
async function connect() {
  const client = new Client({ connectionString: required("DATABASE_URL"), connectionTimeoutMillis: 3000 });
  // Without a listener, a connection that breaks while idle would end the process.
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Repeats `attempt` until it gives something other than undefined; an error counts as "not yet" unless it is final. */
async function poll(attempt, { seconds, every = 250, what, isFinal = () => false }) {
  const deadline = Date.now() + seconds * 1000;
  let last = "";
  while (Date.now() < deadline) {
    try {
      const result = await attempt();
      if (result !== undefined) {
        return result;
      }
    } catch (error) {
      if (isFinal(error)) {
        throw error;
      }
      last = `: ${reason(error)}`;
    }
    await sleep(every);
  }
  throw new Error(`${what} within ${seconds} s${last}`);
}

function reason(error) {
  // A refused connection to a name with several addresses has its text in `errors`.
  return error.message || error.errors?.[0]?.message || error.code || String(error);
}

function report(text) {
  try {
    writeFileSync(TERMINATION_LOG, text);
  } catch {
    // Outside Kubernetes there is no such file, and nobody who would read it.
  }
}

/** Runs a program's main function; a failure leaves one line for people and a non-zero exit. */
async function run(main) {
  // The first process of a container gets no default action for signals: without this it would have to be killed.
  process.once("SIGTERM", () => process.exit(143));
  try {
    await main();
    process.exit(0);
  } catch (error) {
    const line = reason(error).split("\n")[0].slice(0, 1000);
    console.error(error);
    report(line);
    process.exit(1);
  }
}

module.exports = { VERSION, connect, poll, reason, report, required, run };
