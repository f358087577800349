import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'
import { BuildsPage } from './pages/builds-page'
import { Sidebar } from './pages/sidebar'

test('builds: steps, cache, a failure at its line, cancel, past builds', async ({ start }) => {
  const { window } = await start()
  const sidebar = new Sidebar(window)
  const builds = new BuildsPage(window)
  const dir = join(await mkdtemp(join(tmpdir(), 'berth-e2e-builds-')), 'shop')
  await mkdir(join(dir, 'skipped'), { recursive: true })
  await writeFile(join(dir, '.dockerignore'), 'skipped\n')
  await writeFile(join(dir, 'skipped/file'), 'x')
  await writeFile(join(dir, 'app.sh'), 'echo open\n')
  const dockerfile = (...lines: string[]) => writeFile(join(dir, 'Dockerfile'), `${lines.join('\n')}\n`)

  await sidebar.open('Builds')
  await dockerfile('FROM busybox', 'COPY . /app', 'RUN ls /app && echo fresh paint')
  await builds.build(dir, 'shop')
  await expect(window.getByText('is ready as shop')).toBeVisible()
  await builds.step('RUN ls').click()
  await expect(builds.output).toContainText('fresh paint')
  await expect(builds.output).toContainText('app.sh')
  await expect(builds.output).not.toContainText('skipped')
  await picture(window, 'build')

  await test.step('the cache, then a failure', async () => {
    await builds.back()
    await dockerfile('FROM busybox', 'COPY app.sh /app/', 'RUN echo one', '', 'RUN echo the shelf is empty; exit 3', 'CMD sh') // prettier-ignore
    await builds.build(dir, 'shop2')
    await expect(window.getByRole('alert')).toContainText('exit 3')
    await expect(builds.output).toContainText('the shelf is empty')
    await window.getByRole('button', { name: 'Line 5' }).click()
    await expect(window.locator('.cm-marked')).toHaveText('RUN echo the shelf is empty; exit 3')
    await picture(window, 'build-failed')
    await dockerfile('FROM busybox', 'COPY app.sh /app/', 'RUN echo one', 'CMD sh')
    await builds.back()
    await builds.build(dir, 'shop3')
    await expect(window.getByText('is ready as shop3')).toBeVisible()
    await expect(builds.step('RUN echo one')).toContainText('cached')
  })

  await test.step('cancel', async () => {
    await builds.back()
    await dockerfile('FROM busybox', 'RUN echo waiting; sleep 1000')
    await builds.build(dir, 'slow')
    await expect(builds.output).toContainText('waiting')
    await window.getByRole('button', { name: 'Cancel', exact: true }).click()
    await expect(window.getByText('cancelled')).toBeVisible()
  })

  await test.step('past builds stay', async () => {
    await builds.back()
    for (const [name, state] of [
      ['shop', 'built'],
      ['shop2', 'failed'],
      ['shop3', 'built'],
      ['slow', 'cancelled'],
    ] as const)
      // prettier-ignore
      await expect(builds.row(name)).toContainText(state)
    await picture(window, 'builds')
    await builds.row('slow').hover()
    await window.getByRole('button', { name: 'Forget the build of slow' }).click()
    await expect(builds.row('slow')).toBeHidden()
  })
})
