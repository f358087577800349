import type { Locator, Page } from '@playwright/test'

export interface Run {
  name: string
  command: string
  ports?: [here: number, inside: number][]
  env?: [name: string, value: string][]
}

export class ImagesPage {
  constructor(private readonly window: Page) {}

  row(name: string): Locator {
    return this.window.getByRole('listitem').filter({ hasText: name })
  }

  /** Pulls in the dialog and leaves it open; returns the dialog. */
  async pull(reference: string): Promise<Locator> {
    await this.window.getByRole('button', { name: 'Pull', exact: true }).click()
    const dialog = this.window.getByRole('dialog', { name: 'Pull an image' })
    await dialog.getByRole('textbox', { name: 'Image' }).fill(reference)
    await dialog.getByRole('button', { name: 'Pull', exact: true }).click()
    return dialog
  }

  /** Fills in the run dialog of an image and runs it; the window then shows the container. */
  async run(
    image: string,
    { name, command, ports = [], env = [] }: Run,
    beforeRun?: () => Promise<void>,
  ): Promise<void> {
    await this.row(image).getByRole('button', { name: 'Run' }).click()
    const dialog = this.window.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
    await dialog.getByRole('textbox', { name: 'Command' }).fill(command)
    for (const [index, [here, inside]] of ports.entries()) {
      await dialog.getByRole('button', { name: 'Add a port' }).click()
      await dialog.getByLabel(`Port here, row ${index + 1}`).fill(String(here))
      await dialog.getByLabel(`Port in the container, row ${index + 1}`).fill(String(inside))
    }
    for (const [index, [variable, value]] of env.entries()) {
      await dialog.getByRole('button', { name: 'Add a variable' }).click()
      await dialog.getByLabel(`Name, row ${index + 1}`).fill(variable)
      await dialog.getByLabel(`Value, row ${index + 1}`).fill(value)
    }
    await beforeRun?.()
    await dialog.getByRole('button', { name: 'Run', exact: true }).click()
    await dialog.waitFor({ state: 'hidden' })
  }

  async remove(name: string): Promise<void> {
    await this.row(name)
      .getByRole('button', { name: /^More for / })
      .click()
    await this.window.getByRole('menuitem', { name: 'Remove' }).click()
    await this.window.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  }

  /** Opens the page about an image. */
  async open(name: string): Promise<void> {
    await this.row(name).getByRole('link', { name, exact: true }).click()
    await this.window.getByRole('heading', { name, exact: true }).waitFor()
  }

  /** Chooses from the menu of an image, or of the page (`images`). */
  async choose(subject: string, item: string): Promise<void> {
    await this.window
      .getByRole('main')
      .getByRole('button', { name: `More for ${subject}`, exact: true })
      .click()
    await this.window.getByRole('menuitem', { name: item }).click()
  }

  /** A step of an image's making, by its command. */
  step(command: string): Locator {
    return this.window
      .getByRole('list', { name: /^Steps/ })
      .getByRole('button')
      .filter({ hasText: command })
  }

  layerFile(name: string): Locator {
    return this.window.getByRole('list', { name: 'Files of the layer' }).getByRole('listitem').filter({ hasText: name })
  }
}
