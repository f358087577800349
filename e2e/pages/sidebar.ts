import type { Locator, Page } from '@playwright/test'
import type { pageGroups } from '../../shared/pages'

type PageName = (typeof pageGroups)[number][number]['label']

export class Sidebar {
  readonly engine: Locator

  constructor(private readonly window: Page) {
    this.engine = window.getByRole('button', { name: /^Engine: / })
  }

  async open(page: PageName): Promise<void> {
    await this.window.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: page }).click()
    await this.window.getByRole('heading', { name: page, exact: true }).waitFor()
  }

  async choose(item: string): Promise<void> {
    await this.engine.click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }
}
