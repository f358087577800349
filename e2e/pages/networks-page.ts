import type { Locator, Page } from '@playwright/test'

/** The list of networks, and the page about one. */
export class NetworksPage {
  constructor(private readonly window: Page) {}

  row(name: string): Locator {
    return this.window.getByRole('listitem').filter({ has: this.window.getByRole('link', { name, exact: true }) })
  }

  async create(name: string, subnet: string): Promise<void> {
    await this.window.getByRole('button', { name: 'Create', exact: true }).click()
    const dialog = this.window.getByRole('dialog', { name: 'Create a network' })
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await dialog.getByLabel('Subnet', { exact: true }).fill(subnet)
    await dialog.getByLabel('Internal').check()
    await dialog.getByRole('button', { name: 'Create', exact: true }).click()
    await this.window.getByRole('heading', { name, exact: true }).waitFor()
  }

  async connect(container: string): Promise<void> {
    await this.window.getByRole('main').getByRole('button', { name: 'Connect', exact: true }).click()
    const dialog = this.window.getByRole('dialog')
    await dialog.getByLabel('Container').selectOption({ label: container })
    await dialog.getByRole('button', { name: 'Connect', exact: true }).click()
    await dialog.waitFor({ state: 'hidden' })
  }

  member(name: string): Locator {
    return this.window.getByRole('main').getByRole('listitem').filter({ hasText: name })
  }

  async disconnect(container: string): Promise<void> {
    await this.window.getByRole('button', { name: `Disconnect ${container}` }).click()
  }

  async remove(): Promise<void> {
    await this.window.getByRole('button', { name: 'Remove network' }).click()
    await this.window.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  }
}
