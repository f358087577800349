import type { Locator, Page } from '@playwright/test'

export class ContainersPage {
  constructor(private readonly window: Page) {}

  row(name: string): Locator {
    return this.window.getByRole('listitem').filter({ has: this.window.getByRole('link', { name, exact: true }) })
  }

  async open(name: string): Promise<void> {
    await this.row(name).getByRole('link', { name, exact: true }).click()
  }
}
