// Logs in: a wrong token is refused in words, an admin may change things, a viewer only looks, and logging out forgets
// the token. Input: {url, token, viewer_token}.

import { ask, insist, main, open, until } from "./dashboard.mjs";

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
  const { stores: [store] } = await ask(wanted, "/stores?status=READY");
  const remove = (page) => page.getByRole("button", { name: "Delete", exact: true });
  for (const { page } of [admin, viewer]) {
    await page.goto(`${wanted.url}/ui/stores/${store.id}`);
    await page.getByRole("heading", { level: 1, name: store.name }).waitFor();
    await page.getByTestId("pods").waitFor();
  }
  await remove(admin.page).waitFor();
  insist((await remove(viewer.page).count()) === 0, "a viewer may delete");
  insist(await viewer.page.getByRole("switch", { name: "Protected" }).isDisabled(), "a viewer may protect");

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
