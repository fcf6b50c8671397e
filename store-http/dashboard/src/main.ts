// Starts the dashboard.

import { createApp } from "vue";
import App from "./App.vue";
import { followTheme } from "./lib/theme";
import { router } from "./router";
import { enter } from "./live/session";
import "./style.css";

followTheme();
createApp(App).use(router).mount("#app");
void enter();
