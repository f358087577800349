import { expect, picture, test } from './app'
import { docker, engineOf, launchFleet } from './fleet'
import { ContainerPage } from './pages/container-page'
import { ContainersPage } from './pages/containers-page'
import { freePort } from './registry'

test('the list: stacks, search, sort, keyboard, many at once', async ({ start }) => {
  const launched = await start()
  const { app, window } = launched
  const engine = await engineOf(launched)
  const containers = new ContainersPage(window)
  await picture(window, 'containers-empty')
  const port = await freePort()
  await launchFleet(engine, port)

  await test.step('what the docker command made is there, by stack', async () => {
    await expect(containers.row('migrate')).toContainText('Exited (3)')
    await expect(containers.row('shop')).toContainText('3 running')
    await expect(containers.row('worker')).toContainText(/[KM]iB/)
    await expect(containers.row('docs')).toContainText('Healthy')
    await picture(window, 'containers-list')
  })

  await test.step('a port opens in the browser', async () => {
    await app.evaluate(({ shell }) => {
      shell.openExternal = async (url) => void ((globalThis as { opened?: string }).opened = url)
    })
    await containers
      .row('web')
      .getByRole('button', { name: `Open port ${port}` })
      .click()
    expect(await app.evaluate(() => (globalThis as { opened?: string }).opened)).toBe(`http://localhost:${port}/`)
  })

  await test.step('search and filters', async () => {
    await window.keyboard.press('/')
    await expect(containers.search).toBeFocused()
    await containers.search.fill('label:com.docker.compose.service=db')
    await expect.poll(() => containers.names()).toEqual(['shop', 'db'])
    await containers.search.fill('')
    await window.getByRole('combobox', { name: 'State' }).selectOption('Failed')
    await expect.poll(() => containers.names()).toEqual(['migrate'])
    await containers.search.fill('nothing')
    await window.getByRole('button', { name: 'Show all' }).click()
    await expect(containers.row('cache')).toBeVisible()
  })

  await test.step('sorting', async () => {
    await containers.sortBy('Name')
    await expect.poll(() => containers.names()).toEqual(['cache', 'docs', 'migrate', 'shop', 'db', 'web', 'worker'])
    await containers.sortBy('Name')
    await expect.poll(async () => (await containers.names())[0]).toBe('shop')
    await containers.sortBy('CPU')
    await containers.sortBy('Name')
  })

  await test.step('the keyboard: arrows, fold, select, open', async () => {
    const rows = containers.grid.getByRole('rowgroup', { name: 'Rows' })
    await rows.focus()
    await window.keyboard.press('Home')
    for (let i = 0; i < 3; i++) await window.keyboard.press('ArrowDown')
    await window.keyboard.press('ArrowLeft')
    await expect(containers.row('web')).toBeHidden()
    await expect(containers.row('shop')).toHaveAttribute('aria-expanded', 'false')
    await window.keyboard.press('ArrowRight')
    await expect(containers.row('web')).toBeVisible()
    await window.keyboard.press('Space')
    await expect(containers.bulk).toContainText('3 selected')
    await window.keyboard.press('Escape')
    await window.keyboard.press('Home')
    await window.keyboard.press('Enter')
    await expect(new ContainerPage(window).heading('cache')).toBeVisible()
    await window.getByRole('button', { name: 'All containers' }).click()
  })

  await test.step('many at once', async () => {
    await containers.select('cache')
    await containers.select('migrate', ['Shift'])
    await expect(containers.bulk).toContainText('3 selected')
    await expect(containers.row('docs').getByRole('checkbox')).toBeChecked()
    await picture(window, 'containers-selected')
    await containers.bulk.getByRole('button', { name: 'Stop' }).click()
    await expect(containers.row('cache')).toContainText('Exited')
    await expect(containers.row('docs')).toContainText('Exited')
    await containers.bulk.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(containers.row('cache')).toContainText('Running')
    await containers.bulk.getByRole('button', { name: 'Remove' }).click()
    await containers.confirm('Stop and remove')
    await expect(containers.row('cache')).toBeHidden()
    await expect(containers.bulk).toBeHidden()
    expect(await docker(engine, 'ps', '-aq', '--filter', 'name=docs')).toBe('')
  })

  await test.step('a whole stack: stop, start, its log, remove', async () => {
    await containers.choose('shop', 'Stop all')
    await expect(containers.row('shop')).toContainText('0 of 3')
    await containers.choose('shop', 'Start all')
    await expect(containers.row('shop')).toContainText('3 running')
    await containers.open('shop')
    const log = window.getByRole('log', { name: 'Log' })
    await expect(log).toContainText('worker-1')
    await expect(log).toContainText('job 1')
    await picture(window, 'stack-log')
    await window.getByRole('button', { name: 'worker-1' }).click()
    await expect(log).not.toContainText('job')
    await expect(log).toContainText('database system is ready')
    await window.getByRole('button', { name: 'All containers' }).click()
    await containers.choose('shop', 'Remove all')
    await containers.confirm('Stop and remove')
    await expect(window.getByRole('heading', { name: 'No containers yet' })).toBeVisible()
  })
})

test('ten thousand containers', async ({ start }) => {
  const { window } = await start()
  await expect(window.getByRole('heading', { name: 'No containers yet' })).toBeVisible({ timeout: 500_000 })
  // Made in the page, because an engine would take an hour to make them; the page can't tell.
  await window.route('**/api/containers/json?all=1', (route) =>
    route.fulfill({
      json: Array.from({ length: 10_000 }, (_, index) => ({
        Id: index.toString(16).padStart(64, '0'),
        Names: [`/c${String(index).padStart(5, '0')}`],
        Image: 'busybox',
        Labels: index % 10 ? {} : { 'com.docker.compose.project': `s${Math.floor(index / 100)}` },
        State: 'exited',
        Status: 'Exited (0) 1 hour ago',
        Created: 1_700_000_000 + index,
        Ports: [],
      })),
    }),
  )
  await window.reload()
  const containers = new ContainersPage(window)
  await expect(containers.grid).toHaveAttribute('aria-rowcount', '10101')
  await containers.grid.getByRole('rowgroup', { name: 'Rows' }).focus()
  await window.keyboard.press('End')
  await expect(containers.row('c00001')).toBeVisible()
  await containers.search.fill('c0512')
  await expect.poll(async () => (await containers.names()).length).toBe(11)
  expect(await containers.grid.getByRole('row').count()).toBeLessThan(100)
})
