// Logs in: a wrong token is refused in words, an admin may change things, a viewer only looks, and logging out forgets
// the token. Input: {url, token, viewer_token}.

import { insist, main, open, until } from "./dashboard.mjs";

await main({}, async (wanted, browser) => {
  const context = await browser.newContext();
  const stranger = await context.newPage();
  await stranger.goto(`${wanted.url}/ui/`);
  // What no header can carry is never sent; that is said, too.
  await stranger.getByLabel("Token").fill("no töken");
  await stranger.getByRole("button", { name: "Log in" }).click();
  await stranger.locator("#token-error").filter({ hasText: "no spaces" }).waitFor();
  await stranger.getByLabel("Token").fill("wrong-token");
  await stranger.getByRole("button", { name: "Log in" }).click();
  await stranger.locator("#token-error").filter({ hasText: "not taken" }).waitFor();
  insist((await stranger.getByTestId("connection").count()) === 0, "a stranger sees more than the login");

  const create = (page) => page.getByRole("button", { name: "Create new store" });
  const admin = await open(browser, wanted);
  await create(admin.page).first().waitFor();
  const isInMain = () => admin.page.locator("#main").evaluate((element) => element === document.activeElement);
  await until("the focus is on the page after the login", isInMain, 5000);
  await admin.page.reload();
  await create(admin.page).first().waitFor();

  const viewer = await open(browser, { ...wanted, token: wanted.viewer_token });
  await viewer.page.locator("[data-store]").first().waitFor();
  const buttons = { create: await create(viewer.page).count() };
  for (const name of ["Delete", "Retry"]) {
    buttons[name.toLowerCase()] = await viewer.page.getByRole("button", { name: new RegExp(`^${name} `) }).count();
  }
  insist(Object.values(buttons).every((count) => count === 0), `a viewer sees ${JSON.stringify(buttons)}`);
  await viewer.page.locator("[data-store] h2 a, [data-store] th a").first().click();
  await viewer.page.getByRole("heading", { level: 1 }).waitFor();
  insist((await viewer.page.getByRole("button", { name: "Delete", exact: true }).count()) === 0, "a viewer may delete");

  await admin.page.getByRole("button", { name: "Log out" }).click();
  await admin.page.getByLabel("Token").waitFor();
  await admin.page.reload();
  await admin.page.getByLabel("Token").waitFor();
  const kept = await admin.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  insist(!kept.includes(wanted.token), "the token is kept after logging out");
  const cookies = await admin.context.cookies();
  insist(cookies.length === 0, "there are cookies");
  const troubles = [...admin.troubles, ...viewer.troubles];
  insist(troubles.length === 0, troubles.join("\n"));
  return { viewer_buttons: buttons };
});
