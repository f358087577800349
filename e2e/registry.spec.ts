import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'
import { Dialogs } from './pages/dialogs'
import { ImagesPage } from './pages/images-page'
import { Sidebar } from './pages/sidebar'
import { Registry } from './registry'

const starter = join(__dirname, '../.cache/starter/busybox.tar')
let registry: Registry
test.beforeAll(async () => {
  registry = await Registry.start()
  for (const tag of ['1.0', '1.10', 'latest'])
    await registry.push(starter, 'harbour/boat', tag, [{ path: 'cargo', data: Buffer.from(tag) }])
  await registry.push(starter, 'harbour/tug', 'latest', [])
})
test.afterAll(() => registry.stop())

test('registry: add, browse, platforms, pull, log in', async ({ start }) => {
  const config = await mkdtemp(join(tmpdir(), 'berth-e2e-docker-'))
  const { window } = await start({ env: { DOCKER_CONFIG: config } })
  const sidebar = new Sidebar(window)
  const dialogs = new Dialogs(window)
  const main = window.getByRole('main')

  await sidebar.open('Registry')
  await expect(main.getByText('Find an image')).toBeVisible()
  await main.getByRole('button', { name: 'Add a registry' }).click()
  await dialogs.answer(registry.address, 'Add')
  await expect(main.getByRole('button', { name: 'harbour/tug' })).toBeVisible()
  await picture(window, 'registry')

  await main.getByRole('button', { name: 'harbour/boat' }).click()
  const tags = main.getByRole('list', { name: 'Tags' })
  await expect(tags.getByRole('listitem')).toHaveText(['latest', '1.10', '1.0'])
  await tags.getByRole('button', { name: '1.10' }).click()
  await expect(main.getByText('This machine runs it as linux/')).toBeVisible()
  await picture(window, 'registry-tag')
  await main.getByRole('button', { name: 'Pull', exact: true }).click()
  await window.getByRole('dialog').getByRole('button', { name: 'Done' }).click()
  await expect(main.getByText('here already')).toBeVisible()
  await sidebar.open('Images')
  await expect(new ImagesPage(window).row(`${registry.address}/harbour/boat:1.10`)).toBeVisible()

  await test.step('log in', async () => {
    await sidebar.open('Registry')
    await main.getByRole('button', { name: registry.address, exact: true }).hover()
    await main.getByRole('button', { name: `More for ${registry.address}` }).click()
    await window.getByRole('menuitem', { name: 'Log in' }).click()
    const dialog = window.getByRole('dialog')
    await dialog.getByLabel('User name').fill('anna')
    await dialog.getByLabel('Password').fill('sea:salt')
    await dialog.getByRole('button', { name: 'Log in' }).click()
    await expect(main.getByLabel('logged in')).toBeVisible()
    const { auths } = JSON.parse(await readFile(join(config, 'config.json'), 'utf8'))
    expect(Buffer.from(auths[registry.address].auth, 'base64').toString()).toBe('anna:sea:salt')
    await main.getByRole('button', { name: `More for ${registry.address}` }).click()
    await window.getByRole('menuitem', { name: 'Log out' }).click()
    await expect(main.getByLabel('logged in')).toBeHidden()
  })
})
