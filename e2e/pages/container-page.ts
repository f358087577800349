import type { Locator, Page } from '@playwright/test'

export class ContainerPage {
  readonly log: Locator
  readonly terminal: Locator

  constructor(private readonly window: Page) {
    this.log = window.getByRole('log', { name: 'Log' })
    this.terminal = window.locator('.xterm-rows')
  }

  heading(name: string): Locator {
    return this.window.getByRole('heading', { name, exact: true })
  }

  async open(tab: 'Logs' | 'Terminal' | 'Files' | 'Stats' | 'Overview' | 'Inspect'): Promise<void> {
    await this.window.getByRole('tab', { name: tab }).click()
  }

  async type(line: string): Promise<void> {
    await this.window.keyboard.type(`${line}\n`)
  }

  button(name: 'Start' | 'Stop' | 'Restart'): Locator {
    return this.window.getByRole('main').getByRole('button', { name, exact: true })
  }

  async remove(): Promise<void> {
    await this.window
      .getByRole('button', { name: /^More for / })
      .first()
      .click()
    await this.window.getByRole('menuitem', { name: 'Remove' }).click()
    await this.window.getByRole('alertdialog').getByRole('button', { name: /emove/ }).click()
  }

  async logMenu(item: string): Promise<void> {
    await this.window.getByRole('button', { name: 'More for this log' }).click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }

  /** A row of the Files tab. */
  file(name: string): Locator {
    return this.window
      .getByRole('list', { name: 'Files' })
      .getByRole('button', { name: new RegExp(`^${name}( added| changed)?$`) })
  }

  async fileMenu(name: string, item: string): Promise<void> {
    await this.window.getByRole('button', { name: `More for ${name}`, exact: true }).click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }
}
