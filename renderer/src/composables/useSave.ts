import type { SaveAs } from '../../../shared/app'
import { call } from '../bridge'
import { useNotices } from '../stores/notices'

/** Saves what the engine answers to GET `path` into a file that the person chooses. How it went becomes a notice. */
export async function saveFile(path: string, name: string, as?: SaveAs): Promise<void> {
  await tell(name, () => call('app', 'save', path, name, as))
}

/** The same with a text that the window has. */
export async function saveText(text: string, name: string): Promise<void> {
  await tell(name, () => call('app', 'saveText', text, name))
}

async function tell(name: string, save: () => Promise<string | undefined>): Promise<void> {
  const notices = useNotices()
  try {
    const file = await save()
    if (file) notices.done(`Saved ${name}`, file)
  } catch (cause) {
    notices.failed(`Could not save ${name}`, cause)
  }
}
