/**
 * Starts the shop's server: the same as `medusa start`, without the command line around it, which loads every command
 * and writes type files.
 *
 * In a new store the database and its setup take a few seconds, and most of Medusa's own start is loading modules. So
 * both happen at once: the modules are loaded first, then the server waits until the setup job has finished, and only
 * then does Medusa start. It never touches a database that is not ready for it.
 */
"use strict";

const { setImmediate: breathe } = require("node:timers/promises");
const { closeRecord, startRecording, useRecord } = require("./module-cache");
const { placePictures, waitForSetup } = require("./setup/prepare-server");

async function serve() {
  // The first process of a container gets no default action for signals: without this it would have to be killed.
  process.once("SIGTERM", leave);
  const modules = useRecord();
  placePictures();
  await loadMedusa();
  for (const file of modules) {
    require(file);
    // A signal to stop must not wait for thousands of modules.
    await breathe();
  }
  await waitForSetup();
  // Medusa's own handler is there from the moment it listens.
  await startMedusa();
  process.off("SIGTERM", leave);
  closeRecord();
}

function leave() {
  process.exit(0);
}

/** At the image's build: a whole start, with what it loads written down when it is told to stop. */
async function record() {
  const writeRecord = startRecording();
  process.on("exit", writeRecord);
  await loadMedusa();
  await startMedusa();
}

/** Reads the configuration and the feature flags, which other modules ask for while they are loaded. */
async function loadMedusa() {
  const { initializeContainer } = require("@medusajs/medusa/loaders/index");
  await initializeContainer(__dirname, { skipDbConnection: true });
}

async function startMedusa() {
  const { default: start } = require("@medusajs/medusa/commands/start");
  await start({ directory: __dirname, host: "0.0.0.0", port: Number(process.env.PORT ?? 9000), types: false });
}

(process.env.RECORD_MODULES ? record() : serve()).catch((error) => {
  console.error(error);
  process.exit(1);
});
