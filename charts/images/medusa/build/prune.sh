# Removes from a production install what only building needs: the dashboard's sources (it is built by now) with their
# libraries, compilers, type declarations, source maps. The template stage then runs on what is left.
set -eu
cd "$1"

rm -rf \
  @medusajs/dashboard @medusajs/icons @medusajs/ui @medusajs/admin-vite-plugin \
  @ariakit @babel @dnd-kit @esbuild @floating-ui @hookform @internationalized @radix-ui @react-aria @react-stately \
  @react-types @rollup @tanstack @types @vitejs \
  autoprefixer browserslist caniuse-lite cmdk electron-to-chromium esbuild framer-motion motion motion-dom \
  prismjs react-aria react-aria-components react-dom react-hook-form react-router react-router-dom react-stately \
  rollup tailwindcss typescript vite

find . -type f \( \
    -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.tsbuildinfo' \
    -o -iname 'readme*.md' -o -iname 'changelog*.md' -o -iname 'history.md' \
  \) -delete
