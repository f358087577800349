import { resolve } from 'node:path'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'

const at = (path: string) => resolve(import.meta.dirname, path)

// Everything but native modules and v86 (which loads its .wasm from beside itself) is bundled, so that the engine and
// the CLI start from a few files.
const external = ['electron', 'better-sqlite3', 'v86']

export default defineConfig({
  main: {
    build: {
      externalizeDeps: false,
      target: 'node20',
      rollupOptions: {
        input: {
          index: at('electron/main/main.ts'),
          engine: at('electron/engine/main.ts'),
          vm: at('electron/machine/builtin/vm.ts'),
          cli: at('electron/cli/main.ts'),
          bench: at('bench/main.ts'),
        },
        external,
        output: { format: 'cjs', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      externalizeDeps: false,
      rollupOptions: {
        input: { index: at('electron/preload/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].js' },
      },
    },
  },
  renderer: {
    root: at('renderer'),
    plugins: [vue(), tailwindcss()],
    build: { minify: true, rollupOptions: { input: at('renderer/index.html') } },
  },
})
