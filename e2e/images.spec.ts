import { mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'
import { ContainerPage } from './pages/container-page'
import { answerDialogs, Dialogs } from './pages/dialogs'
import { ImagesPage } from './pages/images-page'
import { Sidebar } from './pages/sidebar'

import { Registry } from './registry'

const starter = join(__dirname, '../.cache/starter/busybox.tar')
let registry: Registry
test.beforeAll(async () => {
  registry = await Registry.start()
  await registry.push(starter, 'harbour/boat', '1.0', [{ path: 'cargo/tea', data: Buffer.alloc(50_000, 'tea') }])
})
test.afterAll(() => registry.stop())

test('images: layers, names, push, save, load, run with limits, clean up', async ({ start }) => {
  const { app, window } = await start()
  const sidebar = new Sidebar(window)
  const images = new ImagesPage(window)
  const dialogs = new Dialogs(window)
  const boat = `${registry.address}/harbour/boat:1.0`
  const file = join(await mkdtemp(join(tmpdir(), 'berth-e2e-images-')), 'boat.tar')

  await sidebar.open('Images')
  await (await images.pull(boat)).getByRole('button', { name: 'Done' }).click()
  await images.open(boat)

  await test.step('layers and their files', async () => {
    await images.step('e2e').click()
    await expect(images.layerFile('tea')).toContainText('50.0 kB')
    await picture(window, 'image-layers')
    await window.getByRole('tab', { name: 'Details' }).click()
    await expect(window.getByText('linux/amd64').first()).toBeVisible()
    await picture(window, 'image-details')
  })

  await test.step('another name, push, save, load', async () => {
    await images.choose(boat, 'Add a name')
    await dialogs.answer('dinghy:2', 'Add')
    await expect(window.getByRole('list', { name: 'Names' })).toContainText('dinghy:2')
    await images.choose(boat, 'Push')
    await dialogs.answer(`${registry.address}/harbour/dinghy:2`, 'Push')
    await expect
      .poll(() => fetch(`http://${registry.address}/v2/harbour/dinghy/tags/list`).then((got) => got.text()))
      .toContain('"2"')
    await answerDialogs(app, { save: file, open: [file] })
    await images.choose(boat, 'Save as a file')
    await expect.poll(() => stat(file).then(({ size }) => size, () => 0)).toBeGreaterThan(50_000) // prettier-ignore
    await images.choose(boat, 'Remove')
    await dialogs.confirm('Remove')
    await expect(window.getByRole('heading', { name: 'Images', exact: true })).toBeVisible()
    await expect(images.row('dinghy:2')).toBeHidden()
    await images.choose('images', 'Load archives')
    await expect(images.row('dinghy:2')).toBeVisible()
    await picture(window, 'images')
  })

  await test.step('run with a limit', async () => {
    await images.row('dinghy:2').getByRole('button', { name: 'Run' }).click()
    const dialog = window.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('sailor')
    await dialog.getByRole('textbox', { name: 'Command' }).fill('sleep 500')
    await dialog.getByRole('button', { name: 'Network, limits and more' }).click()
    await dialog.getByLabel('Memory, at most').fill('64m')
    await dialog.getByLabel('Read-only files').check()
    await picture(window, 'run-limits')
    await dialog.getByRole('button', { name: 'Run', exact: true }).click()
    await expect(window.getByRole('heading', { name: 'sailor' })).toBeVisible()
    await new ContainerPage(window).remove()
    await expect(window.getByRole('heading', { name: 'Containers', exact: true })).toBeVisible()
  })

  await test.step('clean up', async () => {
    await sidebar.open('Images')
    await images.choose('images', 'Clean up')
    const dialog = window.getByRole('dialog', { name: 'Clean up images' })
    await expect(dialog).toContainText('There is nothing to remove')
    await dialog.getByLabel('Images with a name too').check()
    await expect(dialog.getByRole('list')).toContainText('harbour/boat:1.0')
    await picture(window, 'images-clean-up')
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await expect(dialog).toContainText('came back')
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
    await expect(window.getByText('No images yet')).toBeVisible()
  })
})
