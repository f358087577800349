import { expect, picture, test } from './app'
import { ImagesPage } from './pages/images-page'
import { NetworksPage } from './pages/networks-page'
import { Sidebar } from './pages/sidebar'

test('networks: create, connect, disconnect, remove, clean up', async ({ start }) => {
  const { window } = await start()
  const sidebar = new Sidebar(window)
  const networks = new NetworksPage(window)
  await sidebar.open('Images')
  await new ImagesPage(window).run('busybox:latest', { name: 'lighthouse', command: 'sleep 1000' })
  await sidebar.open('Networks')
  await expect(networks.row('bridge')).toContainText('1 container')

  await networks.create('harbour', '10.87.3.0/24')
  await expect(window.getByText('No container is on this network.')).toBeVisible()
  await networks.connect('lighthouse')
  await expect(networks.member('lighthouse')).toContainText('10.87.3.2')
  await picture(window, 'network')
  await networks.disconnect('lighthouse')
  await expect(window.getByText('No container is on this network.')).toBeVisible()
  await networks.remove()
  await expect(networks.row('bridge')).toBeVisible()
  await expect(networks.row('harbour')).toBeHidden()

  await networks.create('spare', '10.87.4.0/24')
  await window.getByRole('button', { name: 'All networks' }).click()
  await picture(window, 'networks')
  await window.getByRole('button', { name: 'Clean up' }).click()
  const dialog = window.getByRole('dialog', { name: 'Clean up networks' })
  await expect(dialog).toContainText('spare')
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await expect(networks.row('spare')).toBeHidden()
})
