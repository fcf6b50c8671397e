/** What must be true before the server starts: the template's pictures are in place, and the setup job has finished. */
"use strict";

const { copyFileSync, existsSync, readdirSync, renameSync } = require("node:fs");
const path = require("node:path");
const { VERSION, connect, poll, reason } = require("./shared");

const PICTURES = path.join(__dirname, "..", "pictures");
const UPLOADS = path.join(__dirname, "..", "static");
const WAIT_SECONDS = 60;

/** Puts them on the uploads volume; pictures that are there stay as they are. */
function placePictures() {
  for (const name of readdirSync(PICTURES)) {
    const target = path.join(UPLOADS, name);
    if (!existsSync(target)) {
      // Under another name first: a copy that is cut off must not pass for a picture.
      copyFileSync(path.join(PICTURES, name), `${target}.part`);
      renameSync(`${target}.part`, target);
    }
  }
}

/** Waits as long as it takes, and says so every minute: the startup probe bounds it. */
async function waitForSetup() {
  for (;;) {
    try {
      return await poll(isSetUp, { seconds: WAIT_SECONDS, what: "the setup job did not finish" });
    } catch (error) {
      console.log(`Still waiting for version ${VERSION} of the database: ${reason(error)}`);
    }
  }
}

async function isSetUp() {
  const client = await connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM store_platform.setup WHERE version = $1", [VERSION]);
    return rowCount > 0 ? true : undefined;
  } finally {
    await client.end();
  }
}

module.exports = { placePictures, waitForSetup };
