// The pages and their addresses: under /ui/, as the server has them, or at the root of a site of the dashboard's own.

import { createRouter, createWebHistory } from "vue-router";
import { focusMain } from "./lib/focus";
import StoresPage from "./pages/StoresPage.vue";

export const router = createRouter({
  history: createWebHistory(location.pathname.startsWith(import.meta.env.BASE_URL) ? import.meta.env.BASE_URL : "/"),
  routes: [
    { path: "/", redirect: "/stores" },
    { path: "/stores", name: "stores", component: StoresPage, meta: { title: "Stores" } },
    { path: "/stores/:id", name: "store", component: () => import("./pages/StorePage.vue"), props: true },
    { path: "/:rest(.*)*", name: "unknown", component: () => import("./pages/UnknownPage.vue"), meta: { title: "Not found" } },
  ],
  scrollBehavior: (to, from, saved) => {
    // The first page is at its top already; to scroll there would only make the browser lay it out before it is drawn.
    const isThere = from.matched.length === 0 || to.path === from.path;
    return saved ?? (isThere ? false : { top: 0 });
  },
});

router.afterEach((to, from) => {
  if (typeof to.meta.title === "string") document.title = `${to.meta.title} · Store platform`;
  // Whoever cannot see that the page changed is taken to its beginning; not at the first page, where nothing changed.
  if (from.matched.length > 0 && to.path !== from.path) {
    requestAnimationFrame(focusMain);
  }
});
