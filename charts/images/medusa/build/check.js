/** Waits for a page and prints it. */
"use strict";

async function main(url, tries = 240) {
  for (let left = tries; left > 0; left -= 1) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) {
      process.stdout.write(await response.text());
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${url} did not answer`);
}

main(process.argv[2]);
