// Starts the dashboard.

import { createApp } from "vue";
import App from "./App.vue";
import { followTheme } from "./lib/theme";
import { router } from "./router";
import { enter } from "./live/session";
import "./style.css";

followTheme();
void enter();
// Drawing for the first time takes a while: it begins when all that is asked for is on its way.
setTimeout(() => createApp(App).use(router).mount("#app"));
