import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, picture, test } from './app'
import { answerDialogs, Dialogs } from './pages/dialogs'
import { Sidebar } from './pages/sidebar'
import { VolumesPage } from './pages/volumes-page'

test('volumes: create, files, export, clone, import, empty, clean up', async ({ start }) => {
  const { app, window } = await start()
  const sidebar = new Sidebar(window)
  const volumes = new VolumesPage(window)
  const dialogs = new Dialogs(window)
  const dir = await mkdtemp(join(tmpdir(), 'berth-e2e-volumes-'))
  await writeFile(join(dir, 'settings.json'), '{ "greeting": "ahoy" }\n')
  await writeFile(join(dir, 'notes.txt'), 'one\n')

  await sidebar.open('Volumes')
  await picture(window, 'volumes-empty')
  await volumes.create('ledger')
  await expect(window.getByText('Nothing in here')).toBeVisible()

  await test.step('upload, folders, preview, edit', async () => {
    await volumes.upload(join(dir, 'settings.json'), join(dir, 'notes.txt'))
    await expect(volumes.file('settings.json')).toBeVisible()
    await window.getByRole('button', { name: 'New folder' }).click()
    await dialogs.answer('archive', 'Create')
    await expect(volumes.file('archive')).toBeVisible()
    const editor = await volumes.openFile('settings.json')
    await expect(editor).toContainText('ahoy')
    await picture(window, 'volume-files')
    await editor.fill('{ "greeting": "good day" }')
    await window.keyboard.press('Control+s')
    await expect(window.getByRole('button', { name: 'Save', exact: true })).toBeDisabled()
    await answerDialogs(app, { save: join(dir, 'saved.json') })
    await window.getByRole('button', { name: 'Download file' }).click()
    await expect
      .poll(() => readFile(join(dir, 'saved.json'), 'utf8').catch(() => ''))
      .toBe('{ "greeting": "good day" }')
  })

  await test.step('rename and delete', async () => {
    await volumes.choose('notes.txt', 'Rename')
    await dialogs.answer('log.txt', 'Rename')
    await expect(volumes.file('log.txt')).toBeVisible()
    await expect(volumes.file('notes.txt')).toBeHidden()
    await volumes.choose('log.txt', 'Delete')
    await dialogs.confirm('Delete')
    await expect(volumes.file('log.txt')).toBeHidden()
  })

  await test.step('export, clone, empty, import', async () => {
    await answerDialogs(app, { save: join(dir, 'ledger.tar'), open: [join(dir, 'ledger.tar')] })
    await window.getByRole('button', { name: 'Export' }).click()
    await expect.poll(() => stat(join(dir, 'ledger.tar')).then(({ size }) => size, () => 0)).toBeGreaterThan(0) // prettier-ignore
    await volumes.choose('ledger', 'Clone')
    await dialogs.answer('ledger-2', 'Clone')
    await expect(window.getByRole('heading', { name: 'ledger-2' })).toBeVisible()
    await expect(volumes.file('settings.json')).toBeVisible()
    await volumes.choose('ledger-2', 'Empty')
    await dialogs.confirm('Empty')
    await expect(window.getByText('Nothing in here')).toBeVisible()
    await volumes.choose('ledger-2', 'Import an archive')
    await expect(volumes.file('settings.json')).toBeVisible()
    await expect(volumes.file('archive')).toBeVisible()
  })

  await test.step('remove, clean up with a preview', async () => {
    await volumes.choose('ledger-2', 'Remove')
    await dialogs.confirm('Remove')
    await expect(volumes.row('ledger')).toBeVisible()
    await expect(volumes.row('ledger-2')).toBeHidden()
    await picture(window, 'volumes')
    const dialog = await volumes.cleanUp()
    await expect(dialog).toContainText('ledger')
    await picture(window, 'volumes-clean-up')
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await expect(dialog).toContainText('came back')
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click()
    await expect(window.getByText('No volumes yet')).toBeVisible()
  })
})
