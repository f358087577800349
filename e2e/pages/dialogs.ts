import type { ElectronApplication, Page } from '@playwright/test'

/** The window's own questions. */
export class Dialogs {
  constructor(private readonly window: Page) {}

  /** Answers the dialog that asks for one line. */
  async answer(text: string, button: string): Promise<void> {
    const dialog = this.window.getByRole('dialog')
    await dialog.getByRole('textbox').fill(text)
    await dialog.getByRole('button', { name: button, exact: true }).click()
    await dialog.waitFor({ state: 'hidden' })
  }

  async confirm(button: string): Promise<void> {
    await this.window.getByRole('alertdialog').getByRole('button', { name: button, exact: true }).click()
  }
}

/** What the next file dialogs of the system answer, since no person is there to. */
export async function answerDialogs(
  app: ElectronApplication,
  paths: { save?: string; open?: string[] },
): Promise<void> {
  await app.evaluate(({ dialog }, { save, open }) => {
    dialog.showSaveDialog = async () => ({ canceled: !save, filePath: save ?? '' })
    dialog.showOpenDialog = async () => ({ canceled: !open, filePaths: open ?? [] })
  }, paths)
}
