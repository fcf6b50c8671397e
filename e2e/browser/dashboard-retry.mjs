// Looks at a store that has failed, finds culprit and hint, and retries it. Input: {url, token?, name, patience_ms?};
// `name` is that of a store that is FAILED, or is about to fail.

import { inList, insist, main, open, openStore, untilLive, untilStatus } from "./dashboard.mjs";

await main({ patience_ms: 600_000 }, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);
  await inList(page, wanted.name).locator("[data-testid=status]").filter({ hasText: "Failed" }).waitFor();
  const id = await openStore(page, wanted.name);
  const trouble = page.getByTestId("trouble").first();
  await trouble.waitFor();
  const reason = (await trouble.innerText()).split("\n").filter(Boolean);
  insist(reason.some((line) => line.startsWith("What to do")), "the failure has no hint");
  await page.locator("[data-state=failed]").waitFor();

  await page.getByRole("button", { name: "Retry" }).click();
  await untilStatus(page, "Provisioning");
  await page.getByText("Attempt 2").first().waitFor();
  await trouble.waitFor({ state: "detached" });
  const ended = await Promise.race([
    untilStatus(page, "Ready").then(() => "READY"),
    untilStatus(page, "Failed").then(() => "FAILED"),
  ]);
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, reason, ended };
});
