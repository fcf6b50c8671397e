/** Waits until the store's database takes connections, so that nothing after it has to. */
"use strict";

const { connect, poll, run } = require("./shared");

async function ready() {
  const client = await connect();
  await client.end();
  return true;
}

/** A database that is up and refuses the password will not change its mind. */
const isFinal = (error) => error.code === "28P01";

run(() =>
  poll(ready, { seconds: Number(process.env.WAIT_SECONDS ?? 300), what: "the database did not take connections", isFinal }),
);
