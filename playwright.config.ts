import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'e2e',
  // One app and one machine at a time; the first one may have to boot an emulated PC on a busy computer.
  workers: 1,
  timeout: 600_000,
  expect: { timeout: Number(process.env.BERTH_E2E_PATIENCE ?? 60_000) },
  reporter: 'list',
  outputDir: 'test-results',
})
