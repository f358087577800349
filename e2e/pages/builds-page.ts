import type { Locator, Page } from '@playwright/test'

/** The list of builds, and the page about one. */
export class BuildsPage {
  constructor(private readonly window: Page) {}

  row(name: string): Locator {
    return this.window.getByRole('listitem').filter({ has: this.window.getByRole('link', { name, exact: true }) })
  }

  async build(folder: string, tag: string): Promise<void> {
    await this.window.getByRole('button', { name: 'Build', exact: true }).click()
    const dialog = this.window.getByRole('dialog', { name: 'Build an image' })
    await dialog.getByLabel('Folder').fill(folder)
    await dialog.getByLabel('Name of the image').fill(tag)
    await dialog.getByRole('button', { name: 'Build', exact: true }).click()
    await this.window.getByRole('heading', { name: tag, exact: true }).waitFor()
  }

  step(command: string): Locator {
    return this.window.getByRole('list', { name: 'Steps' }).getByRole('button').filter({ hasText: command })
  }

  get output(): Locator {
    return this.window.getByRole('log', { name: 'Output of the step' })
  }

  async back(): Promise<void> {
    await this.window.getByRole('button', { name: 'All builds' }).click()
  }
}
