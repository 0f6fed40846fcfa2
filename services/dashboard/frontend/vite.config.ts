import { defineConfig } from "vite";

// Hashed files and a manifest, which the Flask side reads to name them. Nothing is inlined: the page's policy forbids it.
export default defineConfig({
  base: "/static/dist/",
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: { input: "src/main.ts" },
  },
});
