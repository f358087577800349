import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'
import { answerDialogs } from './pages/dialogs'
import { Sidebar } from './pages/sidebar'

test('settings, help and the machine', async ({ start }) => {
  const { app, window, dataDir } = await start()
  const sidebar = new Sidebar(window)
  const main = window.getByRole('main')
  const dir = await mkdtemp(join(tmpdir(), 'berth-e2e-settings-'))

  await test.step('settings are checked, saved, exported, and the engine takes them', async () => {
    await sidebar.open('Settings')
    await main.getByLabel('Proxy for https').fill('nonsense')
    await expect(main.getByText('A proxy is like')).toBeVisible()
    await expect(main.getByRole('button', { name: 'Save' })).toBeDisabled()
    await main.getByLabel('Proxy for https').fill('')
    await main.getByLabel('Registries without a certificate').fill('registry.lan:5000')
    await main.getByLabel('Appearance').selectOption('dark')
    await main.getByRole('button', { name: 'Save' }).click()
    await expect(main.getByRole('status')).toContainText('Saved')
    expect(JSON.parse(await readFile(join(dataDir, 'engine.json'), 'utf8'))).toMatchObject({ 'insecure-registries': ['registry.lan:5000'] }) // prettier-ignore
    await picture(window, 'settings')
    await main.getByRole('button', { name: 'Restart the engine' }).click()
    await expect(window.getByRole('button', { name: /^Engine: Running/ })).toBeVisible()
    const info = await window.evaluate(() => fetch('/api/info').then((answer) => answer.json()))
    expect(info.RegistryConfig.IndexConfigs['registry.lan:5000']).toMatchObject({ Secure: false })
    await sidebar.open('Settings')
    await answerDialogs(app, { save: join(dir, 'settings.json') })
    await main.getByRole('button', { name: 'Export' }).click()
    await expect.poll(() => readFile(join(dir, 'settings.json'), 'utf8').catch(() => '')).toContain('"theme": "dark"')
  })

  await test.step('diagnostics are shown before they are saved', async () => {
    await sidebar.open('Help')
    await main.getByRole('button', { name: 'Show', exact: true }).click()
    await expect(main.getByLabel('Text of berth-diagnostics.txt')).toContainText('# Berth')
    await picture(window, 'help')
    await answerDialogs(app, { save: join(dir, 'diagnostics.txt') })
    await main.getByRole('button', { name: 'Save' }).click()
    await expect.poll(() => readFile(join(dir, 'diagnostics.txt'), 'utf8').catch(() => '')).toContain('# Engine log')
  })

  await test.step('the machine: disk, a container measured, the log', async () => {
    await sidebar.open('Machine')
    await picture(window, 'machine')
    await main.getByRole('tab', { name: 'Resources' }).click()
    await expect(main.getByText('Processors', { exact: true })).toBeVisible()
    await picture(window, 'machine-resources')
    await main.getByRole('tab', { name: 'Disk' }).click()
    await expect(main.getByRole('list', { name: 'What lies on the disk' })).toContainText('1 image')
    await picture(window, 'machine-disk')
    await main.getByRole('tab', { name: 'VM or container?' }).click()
    await main.getByRole('button', { name: 'Measure' }).click()
    await expect(main.getByRole('region', { name: 'Time to start' })).toContainText('ms')
    await picture(window, 'machine-compare')
  })

  await test.step('start afresh', async () => {
    await sidebar.open('Help')
    await main.getByRole('button', { name: 'Everything' }).click()
    await expect(window.getByRole('alertdialog')).toContainText('1 image')
    await window.getByRole('alertdialog').getByRole('button', { name: 'Remove everything' }).click()
    await sidebar.open('Images')
    await expect(window.getByText('No images yet')).toBeVisible()
  })
})
