import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'

test('an engine that cannot start says what, why and what next', async ({ start }) => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-node-'))
  const node = join(dir, 'node')
  await writeFile(
    node,
    `#!/bin/sh
echo 'stage {"stage":"files","text":"Looking at the guest image"}'
echo 'failed {"stage":"disk","message":"The data disk could not be made: no space left on device.","fix":"Free 1 GB on this disk."}'
echo 'disk: ENOSPC' >&2
exit 1
`,
  )
  await chmod(node, 0o755)
  const { window } = await start({ env: { BERTH_NODE: node } })
  const alert = window.getByRole('alert')
  await expect(alert).toContainText('The engine did not start')
  await expect(alert).toContainText('no space left on device')
  await expect(alert).toContainText('Free 1 GB on this disk.')
  await picture(window, 'engine-failed')
  await alert.getByRole('button', { name: 'Show log' }).click()
  await expect(window.getByRole('dialog', { name: 'Log of the engine' })).toContainText('disk: ENOSPC')
  await window.keyboard.press('Escape')

  await test.step('trying again runs it again', async () => {
    await writeFile(node, '#!/bin/sh\necho "another fault" >&2\nexit 7\n')
    await alert.getByRole('button', { name: 'Try again' }).click()
    await expect(alert).toContainText('exit code 7')
    await expect(alert).toContainText('another fault')
  })
  await rm(dir, { recursive: true })
})

test('an engine that is not there is named', async ({ start }) => {
  const { window } = await start({ env: { BERTH_HOST: 'unix:///nowhere/berth.sock' } })
  await expect(window.getByRole('alert')).toContainText('No engine answers at unix:///nowhere/berth.sock')
})
