/**
 * Starts the shop's server: the same as `medusa start`, without the command line around it, which loads every command
 * and writes type files.
 *
 * In a new store the database and its setup take a few seconds, and most of Medusa's own start is loading modules. So
 * both happen at once: the modules are loaded first, then the server waits until the setup job has finished, and only
 * then does Medusa start. It never touches a database that is not ready for it.
 */
"use strict";

const { writeFileSync } = require("node:fs");
const path = require("node:path");
const { setImmediate: breathe } = require("node:timers/promises");
const { initializeContainer } = require("@medusajs/medusa/loaders/index");
const { placePictures, waitForSetup } = require("./setup/prepare-server");

const PRELOAD = path.join(__dirname, "preload.json");

async function main() {
  if (process.env.RECORD_PRELOAD) {
    process.on("exit", () => recordModules(process.env.RECORD_PRELOAD));
  } else {
    placePictures();
    // Medusa reads its configuration and feature flags before anything else, and modules ask for them while loading.
    await initializeContainer(__dirname, { skipDbConnection: true });
    await preload();
    await waitForSetup();
  }
  const { default: start } = require("@medusajs/medusa/commands/start");
  await start({ directory: __dirname, host: "0.0.0.0", port: Number(process.env.PORT ?? 9000), types: false });
}

/** The modules that a running server had loaded when the image was built, in their order. */
function recordModules(target) {
  const modules = Object.keys(require.cache).map((file) => path.relative(__dirname, file));
  writeFileSync(target, JSON.stringify(modules.filter((file) => file.startsWith("node_modules/"))));
}

async function preload() {
  for (const file of require(PRELOAD)) {
    require(path.join(__dirname, file));
    // A signal to stop must not wait for five thousand modules.
    await breathe();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
