import { BrowserWindow, dialog } from 'electron'

export type Choice = 'file' | 'files' | 'folder'

/** Asks the person for files or a folder of this computer; gives their paths, none when they thought better of it. */
export async function choose(kind: Choice, title: string, extensions: string[] = []): Promise<string[]> {
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0]!
  const { filePaths } = await dialog.showOpenDialog(window, {
    title,
    properties:
      kind === 'folder' ? ['openDirectory'] : kind === 'files' ? ['openFile', 'multiSelections'] : ['openFile'],
    filters: extensions.length
      ? [
          { name: extensions.join(', '), extensions },
          { name: '*', extensions: ['*'] },
        ]
      : [],
  })
  return filePaths
}
