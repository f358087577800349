import type { Locator, Page } from '@playwright/test'

export class ContainersPage {
  readonly grid: Locator
  readonly search: Locator
  readonly bulk: Locator

  constructor(private readonly window: Page) {
    this.grid = window.getByRole('treegrid', { name: 'Containers' })
    this.search = window.getByRole('searchbox', { name: 'Search containers' })
    this.bulk = window.getByRole('toolbar', { name: 'Selected containers' })
  }

  /** The row of a container or of a stack. */
  row(name: string): Locator {
    return this.grid.getByRole('row').filter({ has: this.window.getByRole('link', { name, exact: true }) })
  }

  /** The names in their order on the page. */
  names(): Promise<string[]> {
    return this.grid.getByRole('row').getByRole('link').allTextContents()
  }

  async open(name: string): Promise<void> {
    await this.row(name).getByRole('link', { name, exact: true }).click()
  }

  async select(name: string, modifiers: 'Shift'[] = []): Promise<void> {
    await this.row(name).hover()
    await this.row(name).getByRole('checkbox').click({ modifiers })
  }

  async sortBy(column: 'Name' | 'State' | 'CPU' | 'Memory' | 'Age'): Promise<void> {
    await this.grid.getByRole('columnheader', { name: column }).getByRole('button').click()
  }

  async choose(name: string, item: string): Promise<void> {
    await this.window.getByRole('button', { name: `More for ${name}`, exact: true }).click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }

  async confirm(action: string | RegExp): Promise<void> {
    await this.window.getByRole('alertdialog').getByRole('button', { name: action }).click()
  }
}
