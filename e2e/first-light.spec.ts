import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, machine, picture, test } from './app'
import { ContainerPage } from './pages/container-page'
import { ContainersPage } from './pages/containers-page'
import { ImagesPage } from './pages/images-page'
import { Sidebar } from './pages/sidebar'
import { freePort, Registry } from './registry'

const starter = join(__dirname, '../.cache/starter/busybox.tar')

let registry: Registry
test.beforeAll(async () => {
  registry = await Registry.start()
  await registry.push(starter, 'harbour/boat', '1.0', [
    { path: 'cargo/tea', data: randomBytes(300_000) },
    { path: 'cargo/manifest', data: Buffer.from('tea\n') },
  ])
})
test.afterAll(() => registry.stop())

test('pull, run, read the log, type in the terminal, stop, remove', async ({ start }) => {
  const { window } = await start()
  const sidebar = new Sidebar(window)
  const containers = new ContainersPage(window)
  const container = new ContainerPage(window)
  const images = new ImagesPage(window)
  const reference = `${registry.address}/harbour/boat:1.0`
  const port = await freePort()

  await test.step('the start shows its stages, then the first page', async () => {
    await expect(window.getByRole('heading', { name: 'Starting your Linux machine' })).toBeVisible()
    await expect(window.getByText('Files in place')).toBeVisible()
    await picture(window, 'start')
    await expect(window.getByRole('heading', { name: 'No containers yet' })).toBeVisible({ timeout: 500_000 })
    await picture(window, 'containers-empty')
  })

  await test.step('pull from a registry', async () => {
    await sidebar.open('Images')
    await expect(images.row('busybox:latest')).toBeVisible()
    const dialog = await images.pull(reference)
    await expect(dialog.getByRole('status')).toContainText('Pulled')
    const layers = dialog.getByRole('listitem')
    await expect(layers.filter({ hasText: 'Already exists' })).toHaveCount(1)
    await expect(layers.filter({ hasText: 'Pull complete' })).toHaveCount(2)
    await picture(window, 'pull')
    await dialog.getByRole('button', { name: 'Done' }).click()
    await expect(images.row('harbour/boat')).toBeVisible()
    await picture(window, 'images')
  })

  await test.step('run it from the dialog', async () => {
    const command = `sh -c 'mkdir /www; echo "ahoy from $(uname -m)" >/www/index.html; echo "$(cat /cargo/manifest) is aboard in $SHIP"; httpd -f -v -p 80 -h /www'`
    const form = { name: 'boat', command, ports: [[port, 80]] as [number, number][], env: [['SHIP', 'Beagle']] as [string, string][] } // prettier-ignore
    await images.run('harbour/boat', form, () => picture(window, 'run'))
    await expect(container.heading('boat')).toBeVisible()
  })

  await test.step('its log and its port', async () => {
    await expect(container.log).toContainText('tea is aboard in Beagle')
    await expect.poll(() => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text(), () => '')).toMatch(/^ahoy from (i686|x86_64)\n$/) // prettier-ignore
    await expect(container.log).toContainText('response:200')
    await picture(window, 'container-log')
    await window.getByRole('searchbox').fill('aboard')
    await expect(container.log.locator('mark')).toHaveText('aboard')
    await window.getByRole('searchbox').fill('')
  })

  await test.step('its terminal', async () => {
    await container.open('Terminal')
    await expect(container.terminal).toContainText('#')
    await container.type('echo $((6*7)) > /tmp/answer; cat /tmp/answer; uname -sm')
    await expect(container.terminal).toContainText('42')
    await expect(container.terminal).toContainText(/Linux (i686|x86_64)/)
    await picture(window, 'container-terminal')
    await container.type('exit')
    await expect(window.getByText('The shell has ended.')).toBeVisible()
  })

  await test.step('the list and the machine show what it uses', async () => {
    await container.open('Inspect')
    await expect(window.getByText('"/boat"')).toBeVisible()
    await picture(window, 'container-inspect')
    await sidebar.open('Containers')
    await expect(containers.row('boat')).toContainText('Running')
    await expect(containers.row('boat')).toContainText(/[KM]iB/)
    await picture(window, 'containers')
    await sidebar.open('Machine')
    await expect(window.getByRole('main')).toContainText(machine === 'native' ? 'This Linux' : 'Built-in machine')
    await expect(window.getByRole('figure', { name: 'CPU, last minute' })).toContainText('%')
    await expect(window.getByRole('figure', { name: 'Memory, last minute' })).toContainText(/[MG]iB/)
    await picture(window, 'machine')
  })

  await test.step('stop and remove', async () => {
    await sidebar.open('Containers')
    await containers.open('boat')
    await container.button('Stop').click()
    await expect(container.button('Start')).toBeVisible()
    await container.remove()
    await expect(window.getByRole('heading', { name: 'No containers yet' })).toBeVisible()
    await sidebar.open('Images')
    await images.remove('harbour/boat')
    await expect(images.row('harbour/boat')).toBeHidden()
    await expect(images.row('busybox:latest')).toBeVisible()
  })

  await test.step('pause and resume the engine', async () => {
    await sidebar.choose('Pause engine')
    await expect(window.getByRole('heading', { name: 'The engine is paused' })).toBeVisible()
    await window.getByRole('button', { name: 'Resume' }).click()
    await expect(images.row('busybox:latest')).toBeVisible({ timeout: 300_000 })
  })
})

test('a pull that fails says why and can be tried again', async ({ start }) => {
  const { window } = await start()
  const images = new ImagesPage(window)
  await expect(window.getByRole('heading', { name: 'No containers yet' })).toBeVisible({ timeout: 500_000 })
  await new Sidebar(window).open('Images')
  const dialog = await images.pull(`${registry.address}/harbour/none:1.0`)
  await expect(dialog.getByRole('alert')).toContainText('harbour/none:1.0 was not pulled')
  await picture(window, 'pull-failed')
  await dialog.getByRole('textbox', { name: 'Image' }).fill(`${registry.address}/harbour/boat:1.0`)
  await dialog.getByRole('button', { name: 'Pull', exact: true }).click()
  await expect(dialog.getByRole('status')).toContainText('Pulled')
})
