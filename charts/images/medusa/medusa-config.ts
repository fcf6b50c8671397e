/**
 * Medusa's configuration. Everything that differs between two stores comes from the environment,
 * so that one image serves all of them.
 */
import { defineConfig } from "@medusajs/framework/utils";

const publicUrl = (process.env.PUBLIC_URL ?? "http://localhost:9000").replace(/\/+$/, "");

/** Origins that may call an API from a browser: the store itself, and what the operator adds. */
function origins(extra: string | undefined): string {
  return [publicUrl, ...(extra ?? "").split(",")].map((origin) => origin.trim()).filter(Boolean).join(",");
}

export default defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    // The database is the store's own, inside its namespace, and speaks plain TCP.
    databaseDriverOptions: { connection: { ssl: false } },
    http: {
      storeCors: origins(process.env.STORE_CORS),
      adminCors: origins(process.env.ADMIN_CORS),
      authCors: origins([process.env.STORE_CORS, process.env.ADMIN_CORS].filter(Boolean).join(",")),
      jwtSecret: process.env.JWT_SECRET,
      cookieSecret: process.env.COOKIE_SECRET,
    },
    // A browser drops a Secure cookie that comes over plain HTTP, and the dashboard's login with it.
    cookieOptions: { secure: publicUrl.startsWith("https:"), sameSite: "lax" },
  },
  admin: { path: "/app", storefrontUrl: publicUrl },
  modules: [
    {
      resolve: "@medusajs/medusa/file",
      options: {
        providers: [
          {
            resolve: "@medusajs/medusa/file-local",
            id: "local",
            options: { upload_dir: "static", backend_url: `${publicUrl}/static` },
          },
        ],
      },
    },
  ],
});
