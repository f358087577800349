import { app, Menu, type MenuItemConstructorOptions } from 'electron'
import { pageGroups } from '../../shared/pages'
import { showWindow } from './window'

/** The application menu: what each platform expects, and the pages on Ctrl/Cmd+1 and up. */
export function setupMenu(): void {
  const pages = pageGroups.flat().map(({ label, path }, index): MenuItemConstructorOptions => {
    const accelerator = path === '/settings' ? 'CmdOrCtrl+,' : index < 7 ? `CmdOrCtrl+${index + 1}` : undefined
    return { label, accelerator, click: () => showWindow(path) }
  })
  const template: MenuItemConstructorOptions[] = [
    ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    { label: 'File', submenu: [{ role: 'close' }, { type: 'separator' }, { role: 'quit' }] },
    { role: 'editMenu' },
    {
      label: 'View',
      submenu: [
        ...pages,
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } as const]),
      ],
    },
    { role: 'windowMenu' },
  ]
  Menu.setApplicationMenu(Menu.buildFromTemplate(template))
}
