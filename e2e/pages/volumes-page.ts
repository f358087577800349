import type { Locator, Page } from '@playwright/test'

/** The list of volumes, and the page about one. */
export class VolumesPage {
  constructor(private readonly window: Page) {}

  row(name: string): Locator {
    return this.window.getByRole('listitem').filter({ has: this.window.getByRole('link', { name, exact: true }) })
  }

  async create(name: string): Promise<void> {
    await this.window.getByRole('button', { name: 'Create', exact: true }).click()
    const dialog = this.window.getByRole('dialog', { name: 'Create a volume' })
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await dialog.getByRole('button', { name: 'Create', exact: true }).click()
    await this.window.getByRole('heading', { name, exact: true }).waitFor()
  }

  async open(name: string): Promise<void> {
    await this.row(name).getByRole('link', { name, exact: true }).click()
    await this.window.getByRole('heading', { name, exact: true }).waitFor()
  }

  /** Opens the clean-up dialog and returns it. */
  async cleanUp(): Promise<Locator> {
    await this.window.getByRole('button', { name: 'Clean up' }).click()
    return this.window.getByRole('dialog', { name: 'Clean up volumes' })
  }

  file(name: string): Locator {
    return this.window
      .getByRole('list', { name: 'Files' })
      .getByRole('listitem')
      .filter({ has: this.window.getByRole('button', { name, exact: true }) })
  }

  async openFile(name: string): Promise<Locator> {
    await this.file(name).getByRole('button', { name, exact: true }).click()
    return this.window.getByLabel(`Text of ${name}`)
  }

  async upload(...paths: string[]): Promise<void> {
    await this.window.locator('input[type=file]').setInputFiles(paths)
  }

  /** Chooses from the menu of a file, or of the volume itself. */
  async choose(subject: string, item: string): Promise<void> {
    await this.window
      .getByRole('main')
      .getByRole('button', { name: `More for ${subject}`, exact: true })
      .click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }
}
