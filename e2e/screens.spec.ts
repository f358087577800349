import { expect, picture, test } from './app'
import { ImagesPage } from './pages/images-page'
import { Sidebar } from './pages/sidebar'
import { freePort } from './registry'

/** Not a test: the pictures for the README and for looking at, on this Linux. `BERTH_SCREENS=1 node scripts/e2e.mjs screens` */
test.skip(!process.env.BERTH_SCREENS, 'pictures are made when asked for')

test('pictures of the pages with some life in them', async ({ start }) => {
  const { app, window } = await start({ env: { BERTH_MACHINE: 'native' } })
  const sidebar = new Sidebar(window)
  const images = new ImagesPage(window)
  const site = (greeting: string) =>
    `sh -c 'mkdir /www; echo "${greeting}" >/www/index.html; echo "listening on port 80"; httpd -f -vv -p 80 -h /www'`
  const job = `sh -c 'n=0; while :; do n=$((n+1)); printf "\\033[32mINFO\\033[0m  job %d: %s lines sorted\\n" $n $((n*37%400)); [ $((n%7)) = 0 ] && printf "\\033[33mWARN\\033[0m  the queue is long\\n" >&2; seq 20000 | sort -r >/dev/null; sleep 0.4; done'`
  const runs = [
    { name: 'cache', command: 'sleep 100000' },
    { name: 'migrate', command: `sh -c 'echo "no database"; exit 3'` },
    { name: 'api', command: site('api'), ports: [[await freePort(), 80]] as [number, number][] },
    { name: 'worker', command: job },
    { name: 'shop', command: site('shop'), ports: [[await freePort(), 80]] as [number, number][] },
  ]
  for (const run of runs) {
    await sidebar.open('Images')
    await images.run('busybox:latest', run)
    await expect(window.getByRole('heading', { name: run.name, exact: true })).toBeVisible()
  }
  await sidebar.open('Containers')
  const worker = window.getByRole('link', { name: 'worker', exact: true })
  // Half a minute of figures makes the small charts worth looking at.
  await window.waitForTimeout(30_000)

  for (const [width, height] of [
    [1280, 800],
    [900, 600],
  ] as const) {
    // prettier-ignore
    await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]!.setContentSize(...size), [width, height] as [number, number]) // prettier-ignore
    const name = (page: string) => `${page}-${width}`
    await sidebar.open('Containers')
    await window.waitForTimeout(4_000)
    await picture(window, name('containers'))
    await worker.click()
    await window.getByRole('searchbox').fill('WARN')
    await expect(window.getByRole('log').locator('mark').first()).toBeVisible()
    await picture(window, name('log'))
    await window.getByRole('tab', { name: 'Terminal' }).click()
    await expect(window.locator('.xterm-rows')).toContainText('#')
    await window.keyboard.type('ps; df -h / | tail -1; uname -a\n')
    await expect(window.locator('.xterm-rows')).toContainText('Linux')
    await picture(window, name('terminal'))
    await sidebar.open('Images')
    await picture(window, name('images'))
    await sidebar.open('Machine')
    await window.waitForTimeout(width === 1280 ? 20_000 : 3_000)
    await picture(window, name('machine'))
  }
  await sidebar.open('Containers')
  for (const { name } of runs) {
    await window.getByRole('button', { name: `More for ${name}` }).click()
    await window.getByRole('menuitem', { name: 'Remove' }).click()
    await window.getByRole('alertdialog').getByRole('button', { name: /emove/ }).click()
    await expect(window.getByRole('link', { name, exact: true })).toBeHidden()
  }
})
